import type { Payload, PayloadConverter } from '@temporalio/common';
import { getActivator } from '@temporalio/workflow/lib/global-attributes.js';
import { causeChain } from '../core/failures.ts';
import { shorten } from '../core/json.ts';
import { Unreadable } from '../core/shape.ts';

// The SDK decodes every payload before it calls a workflow or a handler, and before an activity's result is
// used. If one cannot be decoded, it fails the workflow task again and again, and the run is stuck forever.

/**
 * The options of Plait's workflows. In each run, the SDK asks for them before it decodes the arguments,
 * Signals and Updates. From then on, a payload that cannot be decoded arrives as an `Unreadable`.
 */
export function readingAll(): object {
  const activator = getActivator();
  activator.payloadConverter = tolerant(activator.payloadConverter);
  return {};
}

const MAX_WHY = 300;

function tolerant(inner: PayloadConverter): PayloadConverter {
  return {
    toPayload: (...args): Payload => inner.toPayload(...args),
    fromPayload: <T>(...args: Parameters<PayloadConverter['fromPayload']>): T => {
      try {
        return inner.fromPayload<T>(...(args as Parameters<typeof inner.fromPayload<T>>));
      } catch (error) {
        return new Unreadable(shorten(causeChain(error), MAX_WHY)) as T;
      }
    },
  };
}

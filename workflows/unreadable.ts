import type { Payload, PayloadConverter } from '@temporalio/common';
import { getActivator } from '@temporalio/workflow/lib/global-attributes.js';
import { causeChain } from '../core/failures.ts';
import { shorten } from '../core/json.ts';
import { Unreadable } from '../core/shape.ts';

// The SDK decodes every payload before it calls a workflow, a handler, or what awaits an activity. Where one
// cannot be decoded, it fails the workflow task, again and again, and the run is stuck for ever.

/**
 * The options of Plait's workflows. The SDK asks for them in each run, before it decodes what the run was
 * started with or sent. From then on a payload that cannot be decoded comes as an `Unreadable`.
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

import type { WorkflowStartOptions } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { causeChain } from '../core/failures.ts';

type Attributes = Pick<WorkflowStartOptions, 'typedSearchAttributes'>;

/** How long a server that refuses search attributes is not offered any. */
const REFUSED_MS = 5 * 60_000;

/**
 * Starts workflows with search attributes where the server has them, and otherwise without: they only
 * help to find what runs all the same.
 */
export class SearchableStarts {
  private refusedUntil = 0;

  async start<T>(
    attributes: SearchAttributePair[],
    request: (attributes: Attributes) => Promise<T>,
  ): Promise<T> {
    if (Date.now() >= this.refusedUntil) {
      try {
        return await request({ typedSearchAttributes: attributes });
      } catch (error) {
        if (!refusesAttributes(error)) throw error;
        this.refusedUntil = Date.now() + REFUSED_MS;
      }
    }
    return await request({});
  }
}

/**
 * One is not registered, or has another type. Nothing was started then. By the words: the SDK leaves
 * nothing else of the refusal of an Update-with-Start.
 */
function refusesAttributes(error: unknown): boolean {
  return REFUSAL.test(causeChain(error));
}

const REFUSAL =
  /no mapping defined for search attribute|search attribute \S+ is not defined|invalid value for search attribute/i;

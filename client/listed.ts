import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { SearchAttributesMissingError } from './errors.ts';
import { aboutServer, invalidArgument } from './temporal-errors.ts';
import type { Wanted } from './visibility-query.ts';
import { hasWanted, visibilityQuery } from './visibility-query.ts';

/**
 * The workflows of a type that have what is wanted. Those that run come first, then the newest end.
 *
 * Throws a `SearchAttributesMissingError`, a `TemporalUnavailableError`.
 */
export async function* listed(
  client: Client,
  type: string,
  wanted: Wanted,
  executionStatus?: string,
): AsyncGenerator<WorkflowExecutionInfo, void, undefined> {
  const { namespace } = client.options;
  const query = visibilityQuery(type, wanted, executionStatus);
  const found = client.workflow.list({ query })[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<WorkflowExecutionInfo>;
    try {
      next = await found.next();
    } catch (error) {
      const problem = invalidArgument(error);
      if (problem === undefined || wanted.length === 0) throw aboutServer(error, namespace);
      throw new SearchAttributesMissingError(namespace, problem, { cause: error });
    }
    if (next.done === true) return;
    if (hasWanted(next.value.typedSearchAttributes, wanted)) yield next.value;
  }
}

import type { Info } from '@temporalio/activity';
import type { TurnKey } from '../../core/trace/ids.ts';

/** The turn that an activity works for. */
export function turnKey(info: Pick<Info, 'namespace' | 'workflowExecution'>): TurnKey {
  return { namespace: info.namespace, turnId: info.workflowExecution?.workflowId ?? '' };
}

import type { Ending, TurnEvent } from '../../../client/follow/events.ts';
import { activityOptions, toolPolicy } from '../../../core/calls/tool-policy.ts';
import { defined } from '../../../core/json.ts';
import { CALL_MODEL } from '../../../core/names.ts';

/** What a tool is scheduled with. */
function limitsOf(repeatable: boolean) {
  const policy = toolPolicy(repeatable);
  const { startToCloseTimeout, heartbeatTimeout } = policy;
  const { retry } = activityOptions(policy);
  return {
    startToCloseTimeout,
    heartbeatTimeout,
    nonRetryableErrorTypes: retry?.nonRetryableErrorTypes ?? [],
  };
}

/** Repeatable tools are scheduled with this, others with `NOT_REPEATABLE`. */
export const LIMITS = limitsOf(true);
export const NOT_REPEATABLE = limitsOf(false);
/** What repeatable tools were scheduled with, before losses of workers were counted apart. */
export const LOSSES_COUNT = { ...LIMITS, nonRetryableErrorTypes: ['PayloadsTooLarge'] };

export const started: TurnEvent = {
  type: 'turnStarted',
  at: 1_000,
  agent: 'lookup',
  taskQueue: 'plait',
};

/** What tools are tried again with. */
export const RETRY = {
  initialInterval: 1_000,
  backoffCoefficient: 2,
  maximumInterval: 10_000,
  maximumAttempts: 3,
};

/** An activity: keyed by its own id, which is enough where no id comes twice. */
export function scheduled(
  id: string,
  about: { at: number; type?: string; summary?: string; limits?: typeof LIMITS },
): TurnEvent {
  const { at, type = `get_${id}`, summary = 'round 1', limits = LIMITS } = about;
  return {
    type: 'scheduled',
    at,
    key: id,
    id,
    activityType: type,
    summary,
    taskQueue: 'plait',
    limits,
    retry: RETRY,
  };
}

export function ended(id: string, at: number, ending: Ending): TurnEvent {
  return { type: 'ended', at, key: id, ending };
}

/** A model request that ended with a reply that asks for these calls. */
export function modelAsks(
  round: number,
  at: number,
  calls: { id: string; invalid?: string; approval?: true }[],
  pinned?: { policies: (readonly [string, { execution?: 'local' }])[] },
): TurnEvent[] {
  const content = calls.map(({ id }) => ({ type: 'tool_use', id, name: `get_${id}`, input: {} }));
  const prepared = calls.map(({ invalid, approval }) =>
    invalid === undefined
      ? { type: 'ready', summary: 'id: 1', ...(approval === undefined ? {} : { approval }) }
      : { type: 'invalid', message: invalid },
  );
  const stopReason = calls.length === 0 ? 'end_turn' : 'tool_use';
  const result = { reply: { content, stopReason }, prepared, ...defined({ pinned }) };
  return [
    scheduled(`model.${round}`, { at: at - 100, type: CALL_MODEL }),
    { type: 'started', at: at - 90, key: `model.${round}`, attempt: 1 },
    ended(`model.${round}`, at, { type: 'completed', result }),
  ];
}

import { patched, scheduleActivity, scheduleLocalActivity, sleep } from '@temporalio/workflow';
import type { PresentResultArgs } from '../../activities/tools/present-result.ts';
import { afterLocal, localOptions, localTime } from '../../core/calls/local.ts';
import type { Losses, LossRules } from '../../core/calls/lost-attempts.ts';
import { afterLoss, NO_LOSSES } from '../../core/calls/lost-attempts.ts';
import type { EarlierAttempts, ToolCallArgs } from '../../core/calls/tool-call.ts';
import type { ToolPolicy } from '../../core/calls/tool-policy.ts';
import { activityOptions } from '../../core/calls/tool-policy.ts';
import { defined } from '../../core/json.ts';
import { PRESENT_RESULT, RUN_LOCALLY } from '../../core/names.ts';
import type { Batch, BatchCall } from './call.ts';
import { toolCallArgs } from './call.ts';
import type { CallEnd } from './ended.ts';
import { failed, isUnknownTool, localEnd, lossOf, returned } from './ended.ts';

// The activities of a call. They report with a callback, because the SDK records a stack trace for every
// promise of a workflow: an async function around each of many calls costs more than all the rest of the
// dispatch.

/**
 * How many attempts of a call may be spent on finding a worker that has its tool. While a new version is
 * rolled out, workers of both serve the queue, and the server gives the call to any of them.
 */
const MAX_LOOKUPS = 5;

const LOSSES_APART = 'plait.losses-apart';
const LOSSES_BY_TYPE = 'plait.losses-by-type';

/** What a call that is scheduled again starts from. */
export interface Tries {
  scheduled: number;
  lookups: number;
  losses: Losses;
  earlier: EarlierAttempts | undefined;
  policy: ToolPolicy;
  /** How long to wait before, in milliseconds. @default 0 */
  delay?: number;
}

/** Called as the call goes on. */
interface Heard {
  ended: (end: CallEnd) => void;
  /** The call starts again because its worker was lost, for the `times`-th time. */
  lost: (times: number) => void;
}

/**
 * Runs a call as an activity. The type is the tool's name and the id the `tool_use` id, so that
 * history and transcript can be laid side by side in the Temporal UI.
 */
export function runCall(
  batch: Batch,
  call: BatchCall,
  heard: Heard,
  { delay = 0, ...tries }: Tries = {
    scheduled: Date.now(),
    lookups: MAX_LOOKUPS,
    losses: NO_LOSSES,
    earlier: undefined,
    policy: call.policy,
  },
): void {
  const { use, input, prepared } = call;
  const { ended, lost } = heard;
  const { scheduled, lookups, losses, earlier, policy } = tries;
  if (delay > 0) {
    sleep(delay, { summary: `${use.name}: before its next attempt` }).then(
      () => runCall(batch, call, heard, tries),
      (error: unknown) => ended(failed(error, { tool: use.name, policy, scheduled })),
    );
    return;
  }
  const { round } = batch;
  const args = { ...toolCallArgs(batch, call), ...defined({ earlier }) };
  // Both handlers are attached at once. A promise that rejects before it has one fails the workflow task, and
  // the run is stuck.
  scheduleActivity<unknown>(use.name, [input, args], {
    ...activityOptions(policy),
    activityId: use.id,
    summary: withArguments(`round ${round}`, prepared.summary),
  }).then(
    (value) => ended(returned(value, scheduled, policy.repeatable)),
    (error: unknown) => {
      if (lookups > 1 && isUnknownTool(error)) {
        const next = { scheduled, lookups: lookups - 1, losses, earlier, policy };
        runCall(batch, call, heard, next);
        return;
      }
      const about = { tool: use.name, policy, scheduled, earlier };
      const loss = call.policy.repeatable ? lossOf(error) : undefined;
      if (loss === undefined) {
        ended(failed(error, about));
        return;
      }
      const before = { losses, earlier, elapsed: Date.now() - scheduled };
      const next = afterLoss(call.policy, loss, before, { rules: lossRules, random: Math.random });
      if (next.type === 'answer') {
        ended(failed(error, { ...about, why: next.why }));
        return;
      }
      const again = () => runCall(batch, call, heard, { scheduled, lookups, ...next.tries });
      const { crash, shutdown } = next.tries.losses;
      lost(crash + shutdown);
      if (next.wait === 0) again();
      else
        sleep(next.wait, { summary: `${use.name} waits before another attempt` }).then(
          again,
          (cancelled: unknown) => ended(failed(cancelled, about)),
        );
    },
  );
}

/** A call's line in the Temporal UI. Empty arguments are left out. */
export function withArguments(what: string, summary: string): string {
  return summary === '' ? what : `${what} · ${summary}`;
}

/**
 * Runs a call within this workflow task: in this worker, with no event in history except a marker at its end.
 * `goesOn` is called if it needs another attempt, which has to be an activity.
 */
export function runCallLocally(
  batch: Batch,
  call: BatchCall,
  { ended, goesOn }: { ended: (end: CallEnd) => void; goesOn: (tries: Tries) => void },
): void {
  const { use, input, prepared, policy } = call;
  const scheduled = Date.now();
  const local = { tool: use.name, callId: use.id, timeLimit: localTime(policy) };
  const args: ToolCallArgs = { ...toolCallArgs(batch, call), local };
  scheduleLocalActivity<unknown>(RUN_LOCALLY, [input, args], {
    ...localOptions(policy),
    summary: withArguments(`${use.name} · round ${batch.round}`, prepared.summary),
  }).then(
    (value) => ended(returned(value, scheduled, policy.repeatable)),
    (error: unknown) => {
      const end = localEnd(error, policy);
      const after = end && afterLocal(policy, end, Date.now() - scheduled);
      if (after?.type === 'goes on') {
        const { earlier, losses, policy: left, delay } = after;
        goesOn({ scheduled, lookups: MAX_LOOKUPS, losses, earlier, policy: left, delay });
      } else {
        const outOfTime = after?.outOfTime === true;
        ended(failed(error, { tool: use.name, policy: only(policy), scheduled, outOfTime }));
      }
    },
  );
}

/** The policy for a single attempt. */
function only(policy: ToolPolicy): ToolPolicy {
  return { ...policy, retry: { ...policy.retry, maximumAttempts: 1 } };
}

function lossRules(): LossRules {
  if (patched(LOSSES_BY_TYPE)) return 'by type';
  return patched(LOSSES_APART) ? 'apart' : 'as failures';
}

/**
 * Presents a value as a worker presents what a tool returns: one that completed a call from outside, or the answer
 * of a sub-agent that is too long to be shown whole.
 */
export function present(
  batch: Batch,
  call: BatchCall,
  { value, from }: { value: unknown; from: 'completed from outside' | 'a long answer' },
  ended: (end: CallEnd) => void,
): void {
  const { use, policy } = call;
  // Without the context: it is not needed, and might not fit together with a large value.
  const { context: _, ...presented } = toolCallArgs(batch, call);
  const args: PresentResultArgs = { ...presented, tool: use.name, callId: use.id, value };
  const scheduled = Date.now();
  scheduleActivity<unknown>(PRESENT_RESULT, [args], {
    activityId: `result.${use.id}`,
    summary: `${use.name}: ${from}`,
    startToCloseTimeout: '1m',
    retry: { maximumAttempts: 5, maximumInterval: '30s' },
  }).then(
    (result) => ended(returned(result, scheduled, policy.repeatable)),
    (error: unknown) => ended(failed(error, { tool: use.name, policy, scheduled })),
  );
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { TurnHandle } from '../../client/index.ts';
import { CompletionRejectedError, DecisionRejectedError } from '../../client/index.ts';
import type { OnToolFailure } from '../../core/calls/batch-policy.ts';
import { defineTool } from '../../index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { callTools, say } from '../../testing/replies.ts';
import { answers, approvalsInMemo } from '../fixtures/waiting-turns.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith } from '../fixtures/tools.ts';
import { insist } from '../fixtures/until.ts';

const RUNS = ['returns', 'throws', 'later completed', 'later failed', 'later never'] as const;
const DECISIONS = ['not asked', 'approve', 'deny', 'edit', 'nobody'] as const;
const PATHS = ['/a', '/b', 'none'] as const;

interface PlannedCall {
  run: (typeof RUNS)[number];
  decision: (typeof DECISIONS)[number];
  path: (typeof PATHS)[number];
  ms: number;
}

interface PlannedBatch {
  calls: PlannedCall[];
  onToolFailure: OnToolFailure;
  batchTimeout: number | undefined;
}

const plannedBatch = fc.record<PlannedBatch>({
  calls: fc.array(
    fc.record<PlannedCall>({
      run: fc.constantFrom('returns', 'returns', ...RUNS),
      decision: fc.constantFrom('not asked', 'not asked', ...DECISIONS),
      path: fc.constantFrom(...PATHS),
      ms: fc.integer({ min: 0, max: 60 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  onToolFailure: fc.constantFrom('report', 'report', 'cancelSiblings', 'failTurn'),
  batchTimeout: fc.constantFrom(undefined, undefined, 150, 500),
});

// What a call does is its input, so that one agent can serve every random batch.
const planned = z.object({
  key: z.string(),
  run: z.enum(RUNS),
  decision: z.enum(DECISIONS),
  path: z.enum(PATHS),
  ms: z.number(),
});
type Input = z.infer<typeof planned>;

/** What the tools of all batches did. */
class Stage {
  readonly begun: Input[] = [];
  readonly overlaps: string[] = [];
  readonly tokens = new Map<string, { token: string; input: Input }>();
  private readonly busy = new Set<string>();

  readonly tool = defineTool({
    name: 'act',
    description: 'Does what its input says.',
    inputSchema: planned,
    access: ({ path, key }) =>
      path === 'none' ? undefined : { writes: { path, batch: key.split('.')[0] } },
    approval: ({ decision }) => decision !== 'not asked',
    approvalTimeout: 300,
    run: async (input, { later }) => {
      const { key, run, path, ms } = input;
      this.begun.push(input);
      const place = `${key.split('.')[0]} ${path}`;
      if (path !== 'none' && this.busy.has(place)) this.overlaps.push(key);
      this.busy.add(place);
      await sleep(ms);
      this.busy.delete(place);
      if (run === 'returns') return 'done';
      if (run === 'throws') throw new Error('broken');
      const pending = later(run === 'later never' ? { timeout: 300 } : {});
      this.tokens.set(key, { token: pending.token, input });
      return pending;
    },
  });
}

/** Accepted, or rejected with this error: the call may have been stopped meanwhile. */
async function settled(
  request: () => Promise<unknown>,
  rejection: typeof DecisionRejectedError | typeof CompletionRejectedError,
): Promise<void> {
  await insist(request).catch((error: unknown) => expect(error).toBeInstanceOf(rejection));
}

async function decide(request: () => Promise<unknown>): Promise<void> {
  await settled(request, DecisionRejectedError);
}

/** The people: they decide about calls and complete others, until the turn has ended. */
async function attend(
  { agents }: TestEnvironment,
  turn: TurnHandle,
  { stage, batch, ended }: { stage: Stage; batch: string; ended: () => boolean },
): Promise<void> {
  while (!ended()) {
    const waiting = await turn.approvals();
    const decisions = waiting.map(async ({ callId, input }) => {
      const { decision, path, ...rest } = input as Input;
      const by = 'ana';
      const other = path === '/a' ? '/b' : '/a';
      if (decision === 'approve') await decide(() => turn.approve(callId, { by }));
      if (decision === 'deny') await decide(() => turn.deny(callId, { by }));
      if (decision === 'edit') {
        const edited = { ...rest, decision, path: other };
        await decide(() => turn.approve(callId, { by, input: edited }));
      }
    });
    const completions = [...stage.tokens].map(async ([key, { token, input }]) => {
      if (!key.startsWith(`${batch}.`) || input.run === 'later never') return;
      stage.tokens.delete(key);
      const done = input.run === 'later completed';
      await settled(
        () => (done ? agents.completeToolCall(token, key) : agents.failToolCall(token, 'lost')),
        CompletionRejectedError,
      );
    });
    await Promise.all([...decisions, ...completions, sleep(30)]);
  }
}

/** What may come of a call, where nothing stops its batch. */
function possible({ run, decision, path }: PlannedCall): string[] {
  if (decision === 'deny' || decision === 'nobody') {
    return path === 'none' ? ['denied'] : ['denied', 'skipped'];
  }
  const ran = {
    returns: 'succeeded',
    throws: 'failed',
    'later completed': 'succeeded',
    'later failed': 'failed',
    'later never': 'timedOut',
  }[run];
  return path === 'none' && decision !== 'edit' ? [ran] : [ran, 'skipped'];
}

test('whatever waits, runs, fails and is decided in a batch, every call is answered once, in order', async () => {
  const stage = new Stage();
  const agent = agentWith([stage.tool]);
  const plans = new Map<string, PlannedBatch>();
  await using plait = await startPlait({
    agents: [agent],
    debugMode: false,
    script: ({ userText, round }) => {
      const calls = plans.get(userText)?.calls;
      if (round > 0 || calls === undefined) return say('Done.');
      return callTools(
        calls.map(
          (call, i) => ['act', { ...call, key: `${userText}.${i}` }, `toolu_${i}`] as const,
        ),
      );
    },
  });

  const runBatch = async (plan: PlannedBatch): Promise<void> => {
    const batch = randomUUID().replaceAll('-', '');
    plans.set(batch, plan);
    const { onToolFailure, batchTimeout, calls } = plan;
    const turn = await plait.agents.start(agent, batch, {
      onToolFailure,
      ...(batchTimeout === undefined ? {} : { batchTimeout }),
    });
    let hasEnded = false;
    const attending = attend(plait, turn, { stage, batch, ended: () => hasEnded });
    const result = await turn.result();
    hasEnded = true;
    await attending;

    expect(answers(result).map(({ id }) => id)).toEqual(calls.map((_call, i) => `toolu_${i}`));
    expect(['end_turn', 'tool_failure']).toContain(result.stopReason);
    expect((await approvalsInMemo(turn)) ?? 0).toBe(0);
    for (const [i, { outcome, approval }] of result.calls.entries()) {
      const begun = stage.begun.filter(({ key }) => key === `${batch}.${i}`);
      expect(begun.length).toBeLessThanOrEqual(1);
      if (approval?.decision !== 'approved' && calls[i]?.decision !== 'not asked') {
        expect(begun).toEqual([]);
      }
      if (outcome === 'denied' || outcome === 'skipped') expect(begun).toEqual([]);
      const isStoppable = onToolFailure === 'cancelSiblings' || batchTimeout !== undefined;
      if (isStoppable) continue;
      // On a busy machine the people may come too late.
      if (approval?.decision === 'expired') expect(outcome).toBe('denied');
      else expect(possible(calls[i] as PlannedCall)).toContain(outcome);
    }
    expect(stage.overlaps).toEqual([]);
  };

  const atOnce = fc.array(plannedBatch, { minLength: 4, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(atOnce, async (batches) => void (await Promise.all(batches.map(runBatch)))),
    { numRuns: 6, endOnFailure: true },
  );
  // The scripted API rejects a conversation that breaks its rules, so none of these did.
  expect(plait.model.requests.filter(({ status }) => status !== 200)).toEqual([]);
});

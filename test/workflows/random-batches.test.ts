import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ToolContext, TurnResult } from '../../index.ts';
import { ToolError } from '../../index.ts';
import type { Reply } from '../../testing/messages/reply.ts';
import { callTools, say } from '../../testing/replies.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

// What a call does is its input, so that one agent can serve every random batch.
const BEHAVIOURS = [
  'text',
  'json',
  'nothing',
  'blocks',
  'throws',
  'throws final',
  'throws text',
  'flaky',
  'not data',
  'hangs',
] as const;
type Behaviour = (typeof BEHAVIOURS)[number];

interface PlannedCall {
  tool: 'read' | 'write' | 'no_such_tool';
  behaviour: Behaviour;
  delayMs: number;
}

type Tools = readonly PlannedCall['tool'][];

const plannedTurn = (tools: Tools) => {
  const plannedCall = fc.record<PlannedCall>({
    tool: fc.constantFrom(...tools),
    behaviour: fc.constantFrom(...BEHAVIOURS),
    delayMs: fc.integer({ min: 0, max: 30 }),
  });
  const batch = fc.array(plannedCall, { minLength: 1, maxLength: 8 });
  return fc.array(batch, { minLength: 1, maxLength: 3 });
};

const MIXED: Tools = ['read', 'read', 'write', 'write', 'no_such_tool'];
/** A batch with one call that is not local has none. */
const MOSTLY_LOCAL: Tools = [...Array<'read'>(30).fill('read'), 'write', 'no_such_tool'];

async function behave(input: Record<string, unknown>, ctx: ToolContext): Promise<unknown> {
  const { behaviour, delayMs } = input as unknown as PlannedCall;
  await sleep(delayMs);
  switch (behaviour) {
    case 'text':
      return 'text';
    case 'json':
      return { a: [1, null, 'b'] };
    case 'nothing':
      return undefined;
    case 'blocks':
      return [{ type: 'text', text: 'block' }];
    case 'throws':
      throw new Error('broken');
    case 'throws final':
      throw new ToolError('final', { retryable: false });
    case 'throws text':
      // oxlint-disable-next-line no-throw-literal -- people do
      throw 'text';
    case 'flaky':
      if (ctx.attempt === 1) throw new Error('first attempt');
      return 'second attempt';
    case 'not data':
      return () => 'a function';
    case 'hangs':
      await sleep(20_000, undefined, { signal: ctx.signal });
      return 'never';
  }
}

/** What must come of a call, by a reading of the rules that shares nothing with the code. */
function expected({ tool, behaviour }: PlannedCall): { outcome: string; attempts: number } {
  if (tool === 'no_such_tool') return { outcome: 'failed', attempts: 0 };
  const attempts = tool === 'read' ? 2 : 1;
  switch (behaviour) {
    case 'throws':
    case 'throws text':
      return { outcome: 'failed', attempts };
    case 'throws final':
    case 'not data':
      return { outcome: 'failed', attempts: 1 };
    case 'flaky':
      return { outcome: tool === 'read' ? 'succeeded' : 'failed', attempts };
    case 'hangs':
      return { outcome: 'timedOut', attempts };
    default:
      return { outcome: 'succeeded', attempts: 1 };
  }
}

/** Every call answered exactly once, in the very next message, in call order, nothing else in it. */
function checkAnswers({ messages }: TurnResult): void {
  for (const [i, message] of messages.entries()) {
    if (message.role !== 'assistant' || typeof message.content === 'string') continue;
    const asked = message.content.filter((block) => block.type === 'tool_use').map(({ id }) => id);
    if (asked.length === 0) continue;
    const answer = messages[i + 1];
    expect(answer?.role).toBe('user');
    const blocks = answer === undefined || typeof answer.content === 'string' ? [] : answer.content;
    expect(
      blocks.map((block) => (block.type === 'tool_result' ? block.tool_use_id : block.type)),
    ).toEqual(asked);
  }
}

test.each([
  ['activity', MIXED],
  ['local', MOSTLY_LOCAL],
] as const)(
  "whatever a random batch of calls with execution '%s' does, every call is answered once, in order, and no failure is another call's",
  async (execution, tools) => {
    const plans = new Map<string, PlannedCall[][]>();
    // Only a call that hangs takes so long, also on a busy machine where all of them run at once.
    const activity = {
      startToCloseTimeout: 4_000,
      retry: { maximumAttempts: 2, initialInterval: 5 },
    };
    const agent = agentWith(
      [reader('read', behave, { activity, execution }), writer('write', behave, { activity })],
      { early: true },
    );
    await using plait = await startPlait({
      agents: [agent],
      debugMode: false,
      script: ({ userText, round }): Reply => {
        const batch = plans.get(userText)?.[round];
        return batch === undefined
          ? say('Done.')
          : callTools(batch.map((call) => [call.tool, call] as const));
      },
    });

    const runTurn = async (plan: PlannedCall[][]): Promise<void> => {
      const text = randomUUID();
      plans.set(text, plan);
      const result = await plait.agents.execute(agent, text);

      expect(result.stopReason).toBe('end_turn');
      checkAnswers(result);
      expect(result.calls.map(({ outcome, attempts }) => ({ outcome, attempts }))).toEqual(
        plan.flat().map(expected),
      );
    };
    // They mostly wait.
    const atOnce = fc.array(plannedTurn(tools), { minLength: 25, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(atOnce, async (turns) => void (await Promise.all(turns.map(runTurn)))),
      { numRuns: 1, endOnFailure: true },
    );
    // The scripted API rejects a conversation that breaks its rules, so none of these did.
    expect(plait.model.requests.filter(({ status }) => status !== 200)).toEqual([]);
  },
);

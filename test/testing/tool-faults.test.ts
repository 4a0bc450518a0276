import { describe, expect, test } from 'vitest';
import type { Agent, ToolContext, TurnResult } from '../../index.ts';
import { ToolError } from '../../index.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import type { ToolFault } from '../../testing/tool-faults.ts';
import {
  alwaysFail,
  delay,
  failTimes,
  firstAttempts,
  garbage,
  hang,
  withToolFaults,
  workerDies,
} from '../../testing/tool-faults.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

let ran: string[] = [];

const retry = { initialInterval: '10ms', maximumAttempts: 3 };

function work(name: string) {
  return (_input: unknown, { attempt }: ToolContext) => {
    ran.push(`${name} ${attempt}`);
    return `${name} done`;
  };
}

/** `look` may be repeated, `pay` may not, and `tell` always works. */
function newAgent(limits: { heartbeatTimeout?: '1s'; startToCloseTimeout?: '3s' } = {}): Agent {
  ran = [];
  const activity = { ...limits, retry };
  return agentWith([
    reader('look', work('look'), { activity }),
    writer('pay', work('pay'), { activity }),
    reader('tell', work('tell'), { activity }),
  ]);
}

async function turnWith(
  faults: Record<string, ToolFault>,
  limits?: Parameters<typeof newAgent>[0],
): Promise<TurnResult> {
  const agent = withToolFaults(newAgent(limits), faults);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools({ look: {}, pay: {}, tell: {} }), say('I go on.')]),
  });
  const result = await plait.agents.execute(agent, 'go');
  expectTurn(result)
    .ended('end_turn')
    .calledTogether('look', 'pay', 'tell')
    .outcome('tell', 'succeeded', 'tell done')
    .answeredEveryCall();
  return result;
}

describe('an agent with faulty tools', () => {
  test('has the same name, prompt, tools and policies, and the agent itself does not change', () => {
    const agent = newAgent();
    const broken = withToolFaults(agent, { look: alwaysFail('broken') });

    expect(broken.name).toBe(agent.name);
    expect(broken.spec).toBe(agent.spec);
    expect([...broken.tools.keys()]).toEqual([...agent.tools.keys()]);
    expect(broken.tools.get('look')?.policy).toBe(agent.tools.get('look')?.policy);
    expect(broken.tools.get('look')?.run).not.toBe(agent.tools.get('look')?.run);
    expect(broken.tools.get('pay')).toBe(agent.tools.get('pay'));
  });

  test('cannot have a fault for a tool that it does not have', () => {
    expect(() => withToolFaults(newAgent(), { lok: hang() })).toThrow(
      new TypeError('withToolFaults: agent tester has no tool lok; its tools: look, pay, tell'),
    );
  });
});

test('a tool that fails a few times works afterwards, and one that is not repeatable has no second attempt', async () => {
  const failing = failTimes(2, new Error('connection refused'));
  expectTurn(await turnWith({ look: failing, pay: failing }))
    .outcome('look', 'succeeded', 'look done')
    .attempts('look', 3)
    .outcome('pay', 'failed', 'connection refused')
    .attempts('pay', 1);
  expect(ran.toSorted()).toEqual(['look 3', 'tell 1']);
});

test('a tool that always fails is tried as often as its policy or its ToolError says', async () => {
  const final = new ToolError('no such order', { retryable: false });
  expectTurn(await turnWith({ look: alwaysFail('down'), pay: alwaysFail(final) }))
    .outcome('look', 'failed', 'down (after 3 attempts)')
    .outcome('pay', 'failed', 'no such order');
  expectTurn(await turnWith({ look: alwaysFail(final) })).attempts('look', 1);
});

test('a tool that hangs ends at its time limit', async () => {
  const limits = { startToCloseTimeout: '3s' } as const;
  expectTurn(await turnWith({ look: firstAttempts(1, hang()), pay: hang() }, limits))
    .outcome('look', 'succeeded')
    .attempts('look', 2)
    .outcome('pay', 'timedOut', 'may or may not have taken effect');
  expect(ran.toSorted()).toEqual(['look 2', 'tell 1']);
});

test('a tool that hangs stops when its turn is cancelled', async () => {
  const agent = withToolFaults(newAgent(), { look: hang() });
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools({ look: {} })]),
  });
  const turn = await plait.agents.start(agent, 'go');
  for await (const { status, rounds } of turn.watch()) {
    if (status !== 'running') break;
    if (rounds[0]?.calls[0]?.state === 'running') await turn.cancel();
  }
  expectTurn(await turn.result())
    .ended('cancelled')
    .outcome('look', 'cancelled');
});

test('a tool that is delayed works later', async () => {
  const { calls } = await turnWith({ look: delay(300) });
  const [look] = calls;
  expect(Date.parse(look?.end ?? '') - Date.parse(look?.start ?? '')).toBeGreaterThanOrEqual(290);
  expect(ran).toContain('look 1');
});

test('garbage becomes a result that the API accepts', async () => {
  expectTurn(await turnWith({ look: garbage('oversized'), pay: garbage('unserialisable') }))
    .outcome('look', 'succeeded', 'of 3,000,000 bytes are left out here')
    .outcome('pay', 'failed', 'cannot be turned into JSON')
    .attempts('look', 1);
  expectTurn(await turnWith({ look: garbage('nothing') })).outcome(
    'look',
    'succeeded',
    'returned nothing',
  );
});

test('a worker that dies is noticed by missing heartbeats, and only a repeatable call starts again', async () => {
  const limits = { heartbeatTimeout: '1s' } as const;
  expectTurn(await turnWith({ look: firstAttempts(1, workerDies()), pay: workerDies() }, limits))
    .outcome('look', 'succeeded', 'look done')
    .attempts('look', 2)
    .outcome('pay', 'unknown', /no heartbeat for 1 s.*may or may not have taken effect/)
    .attempts('pay', 1);
  expect(ran.toSorted()).toEqual(['look 2', 'tell 1']);
});

test('a fault of your own decides by the attempt, its input and its key', async () => {
  const seen: unknown[] = [];
  const closed: ToolFault = async ({ input, ctx, run }) => {
    seen.push([input, ctx.attempt, typeof ctx.idempotencyKey]);
    return `${String(await run())}, but closed`;
  };
  expectTurn(await turnWith({ look: closed })).outcome(
    'look',
    'succeeded',
    'look done, but closed',
  );
  expect(seen).toEqual([[{}, 1, 'string']]);
});

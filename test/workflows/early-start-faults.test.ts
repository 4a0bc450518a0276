import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ToolContext } from '../../index.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import { fault, times } from '../../testing/faults.ts';
import type { MessageReply, Reply } from '../../testing/messages/reply.ts';
import { callTools, paced, refuse, reply, say, stopWith } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';
import { latch, stopWorker } from '../fixtures/waiting-turns.ts';

// Whatever happens to the reply: an early run counts only where the committed reply asks for the same call.

type Environment = Partial<Parameters<typeof startPlait>[0]>;

/** A tool that waits for its signal, in its first run, and what has become of that run. */
function waiting() {
  const began = latch();
  const aborted = latch();
  const runs: ToolContext[] = [];
  const tool = reader('wait', async (_, ctx) => {
    runs.push(ctx);
    if (runs.length > 1) return 'waited';
    began.open();
    await new Promise<void>((resolve) => {
      ctx.signal.addEventListener('abort', () => resolve());
    });
    aborted.open();
    throw ctx.signal.reason;
  });
  return { tool, runs, began: began.opened, aborted: aborted.opened };
}

async function turnWith(
  tools: Parameters<typeof agentWith>[0],
  first: Reply,
  environment: Environment = {},
) {
  const agent = agentWith(tools, { early: true });
  const script = conversation('go', [first, say('Done.')]);
  const plait = await startPlait({ agents: [agent], script, ...environment });
  const turn = await plait.agents.start(agent, 'go');
  return { plait, turn };
}

test('wherever its stream is torn, a reply leaves no run behind, and the next reply has all its results', async () => {
  const open = new Set<string>();
  const asked = new Map<string, number>();
  const look = reader('look', async ({ turn, lasts }, { signal, idempotencyKey }) => {
    // In a torn reply some tools are done and some are not.
    if (lasts === true && asked.get(String(turn)) === 1) {
      open.add(idempotencyKey);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve());
      });
      open.delete(idempotencyKey);
      throw signal.reason;
    }
    return 'seen';
  });
  const agent = agentWith([look], { early: true });
  await using plait = await startPlait({
    agents: [agent],
    script: ({ userText, round, arrival }) => {
      if (round > 0) return say('Done.');
      asked.set(userText, arrival);
      const whole = callTools([
        ['look', { turn: userText, id: 1 }],
        ['look', { turn: userText, id: 2, lasts: true }],
        ['look', { turn: userText, id: 3 }],
      ]);
      // `message_start`, a ping, and some five events for each call.
      const afterEvents = Number(userText.split(' ')[1]);
      return arrival === 1 ? fault.reset({ afterEvents, reply: whole }) : whole;
    },
  });

  await Promise.all(
    Array.from({ length: 18 }, async (_, events) => {
      const result = await plait.agents.execute(agent, `tear ${events + 1}`);
      expectTurn(result).ended('end_turn');
      expect(result.calls).toMatchObject(
        Array.from({ length: 3 }, () => ({ outcome: 'succeeded', attempts: 1 })),
      );
    }),
  );
  expect(open.size).toBe(0);
});

describe('the early run of a call ends by its signal, and does not count,', () => {
  test.each<[how: string, stop: (calls: MessageReply) => MessageReply]>([
    ['when the model refuses', (calls) => refuse({}, calls)],
    ['when the reply is cut off', (calls) => stopWith('max_tokens', calls)],
  ])('%s', async (...[, stop]) => {
    const { tool, runs, began, aborted } = waiting();
    const { plait, turn } = await turnWith(
      [tool],
      paced({ afterBlock: () => began }, stop(callTools({ wait: {} }))),
    );
    await using _ = plait;

    const result = await turn.result();
    await aborted;
    expect(runs).toHaveLength(1);
    expect(result.calls.filter(({ outcome }) => outcome !== 'skipped')).toEqual([]);
  });

  test('when the turn is cancelled while the reply comes', async () => {
    const { tool, runs, began, aborted } = waiting();
    const { plait, turn } = await turnWith(
      [tool],
      paced({ afterBlock: () => aborted }, callTools({ wait: {} })),
    );
    await using _ = plait;
    await began;
    await turn.cancel();

    await aborted;
    expect(await turn.result()).toMatchObject({ stopReason: 'cancelled', calls: [] });
    expect(runs).toHaveLength(1);
  });

  test('when the reply is invalid and the next one asks for something else', async () => {
    const { tool, runs, began, aborted } = waiting();
    const invalid = reply(callTools({ wait: { id: 1 } }), fault.invalidJsonInput('wait'));
    const { plait, turn } = await turnWith(
      [tool],
      times(
        1,
        paced({ afterBlock: (index) => (index === 0 ? began : undefined) }, invalid),
        callTools({ wait: { id: 2 } }),
      ),
    );
    await using _ = plait;

    await aborted;
    expect((await turn.result()).calls).toMatchObject([{ input: { id: 2 }, attempts: 1 }]);
    expect(runs).toHaveLength(2);
  });
});

test('if an invalid reply is followed by one with the same call, that call takes the run', async () => {
  const began = latch();
  const seen: ToolContext[] = [];
  const look = reader('look', (_, ctx) => {
    seen.push(ctx);
    began.open();
    return 'seen';
  });
  const invalid = reply(
    callTools([['look', { id: 1 }, 'toolu_first']]),
    fault.invalidJsonInput('look'),
  );
  const { plait, turn } = await turnWith(
    [look],
    times(
      1,
      paced({ afterBlock: (index) => (index === 0 ? began.opened : undefined) }, invalid),
      callTools([['look', { id: 1 }, 'toolu_second']]),
    ),
  );
  await using _ = plait;

  expect((await turn.result()).calls).toMatchObject([
    { id: 'toolu_second', outcome: 'succeeded', attempts: 1 },
  ]);
  expect(seen).toHaveLength(1);
  expect(seen[0]?.callId).toBe('toolu_second');
});

test('a worker that shuts down during a reply ends its early runs, and the next worker asks again', async () => {
  const { tool, runs, began, aborted } = waiting();
  const taskQueue = `early-${randomUUID()}`;
  const { plait, turn } = await turnWith(
    [tool],
    ({ arrival }) =>
      arrival === 1
        ? paced({ afterBlock: () => new Promise(() => undefined) }, callTools({ wait: {} }))
        : callTools({ wait: {} }),
    { taskQueue },
  );
  await using _ = plait;
  await began;
  await stopWorker(plait);
  await aborted;
  await using other = await startPlait({
    agents: [agentWith([tool], { early: true })],
    script: conversation('go', [callTools({ wait: {} }), say('Done.')]),
    taskQueue,
  });
  void other;

  expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
  expect(runs).toHaveLength(2);
});

test("a tool that ignores its signal makes its worker's run end with an error, as after any call", async () => {
  const began = latch();
  const stop = latch();
  const deaf = reader('deaf', async () => {
    began.open();
    await stop.opened;
  });
  const { plait } = await turnWith(
    [deaf],
    paced({ afterBlock: () => new Promise(() => undefined) }, callTools({ deaf: {} })),
  );
  await began.opened;

  await expect(plait.close()).rejects.toThrow(/these tools ignored their signal .* deaf \(toolu_/);
  stop.open();
});

test('two workers without cached workflows answer every call once', async () => {
  const runs = new Map<string, number>();
  const look = reader('look', (_, { idempotencyKey, attempt }) => {
    runs.set(idempotencyKey, (runs.get(idempotencyKey) ?? 0) + 1);
    return `attempt ${attempt}`;
  });
  const options = {
    agents: [agentWith([look], { early: true })],
    script: (({ round }) =>
      round === 3
        ? say('Done.')
        : callTools([
            ['look', { round }],
            ['look', { round }],
          ])) satisfies Environment['script'],
    taskQueue: `early-${randomUUID()}`,
    maxCachedWorkflows: 0,
  };
  await using one = await startPlait(options);
  await using other = await startPlait(options);
  void other;

  const results = await Promise.all(
    Array.from({ length: 8 }, () => one.agents.execute('tester', 'go')),
  );
  for (const result of results) {
    expect(result.calls).toMatchObject(
      Array.from({ length: 6 }, () => ({ outcome: 'succeeded', attempts: 1 })),
    );
  }
  // A call whose activity came to the other worker ran there once more.
  expect(runs.size).toBe(48);
  expect([...runs.values()].every((count) => count <= 2)).toBe(true);
});

test('a worker has half as many early runs as it has slots for activities', async () => {
  const four = latch();
  let whole = false;
  let running = 0;
  let early = 0;
  const look = reader('look', async () => {
    if (!whole) early += 1;
    running += 1;
    if (running === 4) four.open();
    await four.opened;
    return 'seen';
  });
  const { plait, turn } = await turnWith(
    [look],
    paced(
      {
        afterBlock: async (index) => {
          if (index < 3) return;
          await until(() => early === 2);
          whole = true;
        },
      },
      callTools(Array.from({ length: 4 }, (_, id) => ['look', { id }] as const)),
    ),
    { maxConcurrentActivityTaskExecutions: 4 },
  );
  await using _ = plait;

  expect((await turn.result()).calls).toHaveLength(4);
  expect({ early, running }).toEqual({ early: 2, running: 4 });
});

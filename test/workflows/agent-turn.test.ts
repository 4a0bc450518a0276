import { expect, test } from 'vitest';
import { callTools, reply, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { eventsOf } from '../fixtures/history.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

/** Resolves for everybody when the last of `count` has arrived. */
function meeting(count: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void;
  const all = new Promise<void>((resolve) => (open = resolve));
  return async () => {
    arrived += 1;
    if (arrived === count) open();
    await all;
  };
}

const threeCalls = callTools({
  get_customer: { customer_id: 1234 },
  get_orders: { customer_id: 1234 },
  get_tickets: { customer_id: 1234 },
});

test('the calls of one reply run at the same time, and one message holds all results in call order', async () => {
  const together = meeting(3);
  const tool = (name: string, answer: string) =>
    reader(name, async () => {
      await together();
      return answer;
    });
  const agent = agentWith([
    tool('get_customer', 'Ada'),
    tool('get_orders', '2 orders'),
    tool('get_tickets', 'no tickets'),
  ]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('customer 1234', [threeCalls, say('All is well.')]),
  });

  const result = await plait.agents.execute(agent, 'customer 1234');

  expect(result.stopReason).toBe('end_turn');
  expect(result.text).toBe('All is well.');
  expect(result.rounds).toBe(2);
  expect(result.messages).toHaveLength(4);
  const ids = result.calls.map(({ id }) => id);
  expect(result.messages[2]).toEqual({
    role: 'user',
    content: [
      { type: 'tool_result', tool_use_id: ids[0], content: 'Ada' },
      { type: 'tool_result', tool_use_id: ids[1], content: '2 orders' },
      { type: 'tool_result', tool_use_id: ids[2], content: 'no tickets' },
    ],
  });
  expect(
    result.calls.map(({ name, outcome, attempts, round }) => ({ name, outcome, attempts, round })),
  ).toEqual(
    ['get_customer', 'get_orders', 'get_tickets'].map((name) => ({
      name,
      outcome: 'succeeded',
      attempts: 1,
      round: 1,
    })),
  );
  const spans = result.calls.map(({ start, end }) => [Date.parse(start), Date.parse(end)] as const);
  const lastStart = Math.max(...spans.map(([start]) => start));
  const firstEnd = Math.min(...spans.map(([, end]) => end));
  expect(lastStart).toBeLessThanOrEqual(firstEnd);
  expect(result.usage.output_tokens).toBeGreaterThan(0);
});

test('history shows a tool as an activity with its name, its tool_use id and its short arguments', async () => {
  const agent = agentWith(
    ['get_customer', 'get_orders', 'get_tickets'].map((name) => reader(name, () => name)),
  );
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('customer 1234', [threeCalls, say('Done.')]),
  });

  const turn = await plait.agents.start(agent, 'customer 1234');
  const { calls } = await turn.result();
  const scheduled = await eventsOf(turn, 'activityTaskScheduledEventAttributes');

  expect(scheduled.map(({ type, id, summary }) => ({ type, id, summary }))).toEqual([
    { type: 'plait.callModel', id: 'model.1', summary: 'round 1' },
    ...calls.map(({ id, name }) => ({ type: name, id, summary: 'round 1 · customer_id: 1234' })),
    { type: 'plait.callModel', id: 'model.2', summary: 'round 2' },
  ]);
  // All of the batch in one workflow task: nothing waited for anything.
  expect(new Set(scheduled.slice(1, 4).map(({ task }) => task)).size).toBe(1);
});

test('rounds go on until the model stops asking for tools', async () => {
  const agent = agentWith([reader('next', ({ page }) => `page ${String(page)}`)]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('read on', [
      callTools({ next: { page: 1 } }),
      callTools([
        ['next', { page: 2 }],
        ['next', { page: 3 }],
      ]),
      say('Read all.'),
    ]),
  });

  const result = await plait.agents.execute(agent, 'read on');

  expect(result.rounds).toBe(3);
  expect(result.calls.map(({ round, input }) => [round, input])).toEqual([
    [1, { page: 1 }],
    [2, { page: 2 }],
    [2, { page: 3 }],
  ]);
});

test('an agent without tools simply answers', async () => {
  const agent = agentWith([]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('hello', [say('Hello.')]),
  });

  const result = await plait.agents.execute(agent, 'hello');

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Hello.', rounds: 1, calls: [] });
});

test('a result can be continued: its messages are a valid beginning of the next turn', async () => {
  const agent = agentWith([reader('look', () => 'seen')]);
  await using plait = await startPlait({
    agents: [agent],
    script: (request) =>
      request.userText === 'and now?'
        ? say('Still there.')
        : conversation('look', [callTools({ look: {} }), say('Seen.')])(request),
  });

  const first = await plait.agents.execute(agent, 'look');
  const second = await plait.agents.execute(agent, [
    ...first.messages,
    { role: 'user', content: 'and now?' },
  ]);

  expect(second.text).toBe('Still there.');
  expect(second.messages).toHaveLength(first.messages.length + 2);
});

test('a text that the model writes after its calls is kept there, even if the API rejects it', async () => {
  const agent = agentWith([reader('look', () => 'seen')]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [
      reply(callTools({ look: {} }), say('I look.')),
      callTools({ look: {} }),
      say('Done.'),
    ]),
  });

  const { stopReason, messages } = await plait.agents.execute(agent, 'go');

  expect(stopReason).toBe('end_turn');
  expect(messages[1]?.content).toMatchObject([{ type: 'tool_use' }, { type: 'text' }]);
  // Rejected, and asked again with the text before the call.
  expect(plait.model.requests.map(({ status }) => status)).toEqual([200, 400, 200, 400, 200]);
  expect(plait.model.requests.at(-1)?.body?.messages[1]?.content).toMatchObject([
    { type: 'text' },
    { type: 'tool_use' },
  ]);
});

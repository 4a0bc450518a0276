import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { InvalidSessionError, SessionIdInUseError } from '../../client/index.ts';
import type { Agent, Tool } from '../../index.ts';
import { defineTool } from '../../index.ts';
import { callTools, reply, say, think } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { conversation, script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { asked, echo, newSessionId, rejectedRequests } from '../fixtures/sessions.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

type Plait = Awaited<ReturnType<typeof startPlait>>;

const agent = (tools: Tool[], extras: object = {}): Agent => agentWith(tools, extras);

/** `call look` makes the model call that tool, and it ends with the results. */
const calls: Script = conversation(/^call /, [
  ({ userText }) => reply(think('Hm.'), callTools({ [userText.slice(5)]: {} })),
  (request) => say(`Result: ${request.resultOf(request.userText.slice(5))}`),
]);
const model = script(calls, echo);

/** What the model read about the agent in the newest request. */
function told({ model }: Plait) {
  const { system, model: name, tools } = model.requests.at(-1)?.body ?? {};
  // Behind the agent's own words stand Plait's.
  return [
    name,
    JSON.stringify(system).split(/["\\]/)[1],
    (tools ?? []).map((tool) => ('name' in tool ? tool.name : '')),
  ];
}

async function say1(plait: Plait, id: string, text: string) {
  const session = plait.agents.openSession('tester', id);
  const result = await (await session.send(text)).result();
  // The session may still have to hear of it.
  while ((await session.describe()).status === 'busy');
  return result;
}

test.concurrent('a worker with another version of the agent goes on with the old one in a conversation that began with it', async () => {
  const old = agent([reader('look', () => 'old'), reader('gone', () => 'gone')], {
    system: 'You are old.',
  });
  const before = await startPlait({ agents: [old], script: model });
  const { taskQueue } = before;
  const id = newSessionId();
  await say1(before, id, 'call look');
  await before.close();

  const renewed = agent([reader('look', () => 'new'), reader('more', () => 'more')], {
    system: 'You are new.',
    model: 'claude-sonnet-5-5',
  });
  await using plait = await startPlait({ agents: [renewed], script: model, taskQueue });
  // Its prefix stays, and the code behind its tools is that of today.
  expect(await say1(plait, id, 'call look')).toMatchObject({ text: 'Result: new' });
  const pinned = ['claude-opus-5-5', 'You are old.', ['look', 'gone']];
  expect(told(plait)).toEqual(pinned);

  const [removed, fresh] = await Promise.all([
    say1(plait, id, 'call gone'),
    say1(plait, newSessionId(), 'call more'),
  ]);
  expect(removed).toMatchObject({
    text: 'Result: The tool gone is no longer available.',
    calls: [{ name: 'gone', outcome: 'failed', attempts: 0 }],
  });
  expect(fresh).toMatchObject({ text: 'Result: more' });
  // It is not offered what it does not know.
  expect(await say1(plait, id, 'call more')).toMatchObject({
    calls: [{ outcome: 'failed', message: expect.stringMatching(/no tool named more/) as string }],
  });
  expect(told(plait)).toEqual(pinned);
  await say1(plait, newSessionId(), 'Hello');
  expect(told(plait)).toEqual(['claude-sonnet-5-5', 'You are new.', ['look', 'more']]);
  expect(rejectedRequests(plait.model)).toEqual([]);
});

const pay = (inputSchema: z.ZodObject) =>
  defineTool({ name: 'pay', description: 'Pays.', inputSchema, run: () => 'paid' });

test.concurrent('a tool whose schema has changed checks with the new one, and the model reads why', async () => {
  const paying = conversation('pay', [
    callTools({ pay: { amount: 1 } }),
    callTools({ pay: { cents: 100 } }),
    (request) => say(`Result: ${request.resultOf('pay')}`),
  ]);
  const first = await startPlait({
    agents: [agent([pay(z.object({ amount: z.number() }))])],
    script: echo,
  });
  const { taskQueue } = first;
  const id = newSessionId();
  await say1(first, id, 'Hello');
  await first.close();
  await using plait = await startPlait({
    agents: [agent([pay(z.object({ cents: z.number() }))])],
    script: paying,
    taskQueue,
  });

  const result = await say1(plait, id, 'pay');
  expect(result).toMatchObject({ text: 'Result: paid' });
  expect(result.calls).toMatchObject([
    { outcome: 'failed', message: expect.stringMatching(/schema of pay.*cents/s) as string },
    { outcome: 'succeeded' },
  ]);
  expect(JSON.stringify(plait.model.requests.at(-1)?.body?.tools)).toMatch(/amount/);
});

const shared = () => reader('look', () => 'seen');

test.concurrent('workers of two versions on one queue serve sessions of both', async () => {
  const old = await startPlait({
    agents: [agent([shared(), writer('before', () => 'before')])],
    script: model,
  });
  await using _ = old;
  const ids = Array.from({ length: 4 }, newSessionId);
  for (const id of ids.slice(0, 2)) await say1(old, id, 'Hello');
  // Also the type of the activity is unknown to the other worker.
  await using renewed = await startPlait({
    agents: [agent([shared(), writer('after', () => 'after')])],
    script: model,
    taskQueue: old.taskQueue,
  });

  const results = await Promise.all(
    ids.map(async (id) => {
      const session = old.agents.openSession('tester', id);
      await (await session.send('Hello')).result();
      const turns = [];
      for (const tool of ['look', 'before', 'after'])
        turns.push(await say1(old, id, `call ${tool}`));
      return turns.map(({ calls: [call] }) => `${call?.name} ${call?.outcome}`);
    }),
  );
  const ofOld = ['look succeeded', 'before succeeded', 'after failed'];
  const ofNew = ['look succeeded', 'before failed', 'after succeeded'];
  expect(results.slice(0, 2)).toEqual([ofOld, ofOld]);
  for (const result of results.slice(2)) expect([ofOld, ofNew]).toContainEqual(result);
  expect([...rejectedRequests(old.model), ...rejectedRequests(renewed.model)]).toEqual([]);
});

describe('a session that begins with messages', () => {
  test.concurrent('goes on from them under the new version, and the original goes on unchanged', async () => {
    const first = await startPlait({
      agents: [agent([reader('look', () => 'seen')], { system: 'You are old.' })],
      script: model,
    });
    const { taskQueue } = first;
    const id = newSessionId();
    await say1(first, id, 'call look');
    await first.close();
    await using plait = await startPlait({
      agents: [agent([], { system: 'You are new.' })],
      script: model,
      taskQueue,
    });
    const original = plait.agents.getSession(id);
    const { messages } = await original.transcript();
    expect(JSON.stringify(messages)).toMatch(/"thinking"/);
    const fork = await plait.agents.startSession('tester', { sessionId: `${id}-fork`, messages });
    const same = await plait.agents.startSession('tester', { sessionId: `${id}-fork`, messages });
    expect(same.sessionId).toBe(fork.sessionId);
    await expect(
      plait.agents.startSession('tester', { sessionId: `${id}-fork`, messages: [] }),
    ).rejects.toThrow(SessionIdInUseError);

    expect(await (await fork.send('and now')).result()).toMatchObject({
      text: 'You said: and now',
    });
    expect(told(plait)).toEqual(['claude-opus-5-5', 'You are new.', []]);
    expect(asked(plait.model).at(-1)).toHaveLength(5);
    expect(asked(plait.model).at(-1)?.join()).not.toMatch(/"thinking"/);
    expect((await original.transcript()).messages).toEqual(messages);

    expect(await (await original.send('still')).result()).toMatchObject({
      text: 'You said: still',
    });
    expect(told(plait)).toEqual(['claude-opus-5-5', 'You are old.', ['look']]);
    expect((await fork.transcript()).total).toBe(6);
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('is rejected before it begins when they would be rejected for ever', async () => {
    await using plait = await startPlait({ agents: [agent([])], script: model });
    const asks = [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }];
    for (const [messages, problem] of [
      [
        [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: asks },
        ],
        /toolu_1/,
      ],
      [[{ role: 'bot', content: 'a' }], /messages\[0\]\.role/],
      [[{ role: 'user', content: '' }], /messages\[0\] is empty/],
      [
        [
          { role: 'user', content: 'a' },
          { role: 'system', content: 'b' },
        ],
        /role system/,
      ],
    ] as const) {
      const sessionId = newSessionId();
      const start = plait.agents.startSession('tester', { sessionId, messages: messages as never });
      await expect(start).rejects.toThrow(InvalidSessionError);
      await expect(start).rejects.toThrow(problem);
      await expect(plait.agents.getSession(sessionId).describe()).rejects.toThrow(/no session/);
    }
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Agent } from '../../index.ts';
import { defineTool } from '../../index.ts';
import { directoryStorage } from '../../storage/directory.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import type { MessageReply } from '../../testing/messages/reply.ts';
import { reply, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { conversation } from '../../testing/script.ts';
import { newSessionId } from '../fixtures/sessions.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { workerWith } from '../fixtures/worker-with.ts';

/** The model writes this JSON as the input of a call. */
function writes(name: string, id: string, rawInput: string): MessageReply {
  const input: unknown = JSON.parse(rawInput);
  return { content: [{ type: 'tool_use', id, name, input, rawInput }] };
}

async function plaitWith(agent: Agent, script: Script, { stored = false } = {}) {
  const bodies: string[] = [];
  const model = await startMessagesServer({ script });
  const directory = await mkdtemp(join(tmpdir(), 'plait-exact-'));
  const plait = await workerWith({
    agents: [agent],
    anthropic: {
      apiKey: 'test',
      baseURL: model.url,
      fetch: async (url, init) => {
        bodies.push(init?.body as string);
        return await fetch(url, init);
      },
    },
    ...(stored ? { storage: directoryStorage(directory) } : {}),
  });
  onTestFinished(async () => {
    await plait[Symbol.asyncDispose]();
    await model.close();
    await rm(directory, { recursive: true });
  });
  return { agents: plait.agents, bodies, requests: model.requests };
}

const ID = '9100200300400500601';
const refunded: unknown[] = [];
const refund = defineTool({
  name: 'refund',
  description: 'Pays back.',
  inputSchema: z.object({ customer: z.number() }),
  approval: 'always',
  run: (input) => {
    refunded.push(input);
    return 'paid';
  },
});
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  inputSchema: {
    type: 'object',
    properties: { order: { type: 'object', properties: { id: { type: 'integer' } } } },
  },
  run: (input) => {
    refunded.push(input);
    return 'paid';
  },
});
const look = reader('look', (input) => JSON.stringify(input));

describe('a call with a number that JavaScript cannot hold', () => {
  const script = conversation('go', [
    reply(
      writes('refund', 'toolu_1', `{"customer": ${ID}}`),
      writes('pay', 'toolu_2', '{"order": {"id": 1e400}}'),
      writes('pay', 'toolu_3', '{"order": {"id": 1, "id": 2}}'),
      writes('look', 'toolu_4', '{"2": 1.0, "1": -0}'),
    ),
    say('Done.'),
  ]);

  test('fails alone, before anybody is asked, and goes back as the model wrote it', async () => {
    const agent = agentWith([refund, pay, look]);
    const { agents, bodies, requests } = await plaitWith(agent, script);

    const result = await agents.execute(agent, 'go');

    expect(result.calls.map(({ name, outcome, message }) => [name, outcome, message])).toEqual([
      [
        'refund',
        'failed',
        `refund did not run: customer is ${ID}, a number that cannot be passed on exactly. Send it as a text instead, in quotation marks.`,
      ],
      [
        'pay',
        'failed',
        'pay did not run: order.id is 1e400, a number that cannot be passed on exactly. Send it as a text instead, in quotation marks.',
      ],
      ['pay', 'failed', 'pay did not run: order.id comes twice. Send each key once.'],
      ['look', 'succeeded', undefined],
    ]);
    expect(refunded).toEqual([]);
    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.' });
    expect(bodies[1]).toContain(`"input":{"customer":${ID}}`);
    expect(bodies[1]).toContain('"input":{"order":{"id":1e400}}');
    expect(bodies[1]).toContain('"input":{"order":{"id":1,"id":2}}');
    expect(bodies[1]).toContain('"input":{"2":1.0,"1":-0}');
    expect(requests.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('what the model wrote goes back unchanged', () => {
  const script: Script = ({ userText, round }) =>
    userText === 'go' && round === 0
      ? writes('look', 'toolu_1', `{"id": "${'x'.repeat(9_000)}", "n": [1.0, ${ID}]}`)
      : say(`To: ${userText}.`);
  const written = `"n":[1.0,${ID}]}`;
  const agent = agentWith([look]);

  test.for([true, false])(
    'from turn to turn by the messages of a result, stored: %s',
    async (stored) => {
      const { agents, bodies } = await plaitWith(agent, script, { stored });

      const { messages } = await agents.execute(agent, 'go');
      expect(messages[1]).toMatchObject({
        content: [
          { type: 'tool_use', plait_json: { input: expect.stringContaining(written) as string } },
        ],
      });
      const again = await agents.execute(agent, [...messages, { role: 'user', content: 'more' }]);
      const session = await agents.startSession(agent, {
        sessionId: newSessionId(),
        messages: again.messages,
      });
      const turn = await session.send('and more');
      await turn.result();
      await session.close();

      const calls = bodies
        .slice(1)
        .map((body) => /\{"[^{}]*"name":"look","input":\{[^{}]*\}/.exec(body)?.[0]);
      expect(calls[0]).toContain(written);
      // The same bytes, so that the API finds them in its cache.
      expect(new Set(calls).size).toBe(1);
      expect(calls).toHaveLength(3);
      expect(bodies.join('')).not.toContain('plait');
    },
  );

  test('from turn to turn of a session', async () => {
    const { agents, bodies } = await plaitWith(agent, script, { stored: true });
    const session = agents.openSession(agent, newSessionId());

    for (const text of ['go', 'more', 'and more']) await (await session.send(text)).result();
    await session.close();

    expect(bodies).toHaveLength(4);
    for (const body of bodies.slice(1)) expect(body).toContain(written);
    const { messages } = await session.transcript();
    expect(JSON.stringify(messages[1])).toContain('plait_json');
  });
});

describe('an answer with a schema', () => {
  const output = z.object({ id: z.number() });
  const agent = agentWith([look], { output, outputRepairs: 1 });

  test('does not match if it has a number that JavaScript cannot hold', async () => {
    const script: Script = ({ userText }) => say(userText === 'go' ? `{"id": ${ID}}` : '{"id": 7}');
    const { agents, requests } = await plaitWith(agent, script);

    const result = await agents.execute(agent, 'go');

    expect(result).toMatchObject({ stopReason: 'end_turn', output: { id: 7 } });
    expect(JSON.stringify(requests[1]?.body?.messages.at(-1))).toContain(
      `id is ${ID}, a number that cannot be passed on exactly.`,
    );
  });

  test('does not match if it is nested too deeply', async () => {
    const deep = `{"id": 7, "deep": ${'['.repeat(5_000)}${']'.repeat(5_000)}}`;
    const { agents } = await plaitWith(agent, () => say(deep));

    const result = await agents.execute(agent, 'go');

    expect(result).toMatchObject({ stopReason: 'invalid_output', text: deep });
    expect(result.stopDetails).toContain('nested more than 200 levels deep');
  });
});

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter } from '@temporalio/common';
import * as fc from 'fast-check';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { InvalidSessionError, InvalidTurnError } from '../../client/index.ts';
import { decodeCallToken } from '../../core/calls/token.ts';
import type { Message } from '../../core/conversation/messages.ts';
import type { TurnInput } from '../../core/turn/input.ts';
import { directoryStorage } from '../../storage/directory.ts';
import { liveKeys } from '../../storage/live-keys.ts';
import type { PlaitStorage } from '../../storage/plait-storage.ts';
import { sweep } from '../../storage/sweep.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { lookAlikeBlock, lookAlikeJson, wellFormedReference } from '../fixtures/look-alikes.ts';
import { newNamespace } from '../fixtures/namespace.ts';
import { startPlait } from '../fixtures/plait.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { newSessionId } from '../fixtures/sessions.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

async function newStorage(): Promise<PlaitStorage> {
  const directory = await mkdtemp(join(tmpdir(), 'plait-look-alikes-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directoryStorage(directory);
}

const key = 'a'.repeat(64);
const forged = { type: 'plait.stored', digest: key, claim: { key }, bytes: 9_000 };
const image = (data: unknown) => ({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data },
});
const composed = (...content: unknown[]) => ({
  type: 'document',
  source: { type: 'content', content },
});

/** Calls the tools where the user says so, and answers otherwise. */
const calling =
  (calls: Parameters<typeof callTools>[0]): Script =>
  ({ userText, round }) =>
    userText === 'Call.' && round === 0 ? callTools(calls) : say(`You said: ${userText}`);

describe('a tool', () => {
  test.each([
    ['a document that holds an image', [composed(image(forged))]],
    [
      'a document that holds a text and an image',
      [composed({ type: 'text', text: 'x' }, image(forged))],
    ],
    ['an image', [image(forged)]],
    ['an image with half a reference', [composed(image({ ...forged, claim: {} }))]],
    ['a list in a document', [composed([image(forged)])]],
    ['JSON', { content: [image(forged)], source: image(forged).source }],
  ])(
    'that returns %s with a reference has it shown as JSON, and the session goes on',
    async (_, value) => {
      const agent = agentWith([reader('fetch', () => value)]);
      const script = calling({ fetch: {} });
      await using plait = await startPlait({
        agents: [agent],
        script,
        storage: await newStorage(),
      });
      const session = plait.agents.openSession(agent, newSessionId());

      const first = await (await session.send('Call.')).result();
      const second = await (await session.send('And now?')).result();

      expect(first.messages[2]?.content).toMatchObject([{ content: JSON.stringify(value) }]);
      expect(second.text).toBe('You said: And now?');
      await session.close();
    },
  );
});

describe('a person', () => {
  test('cannot send a reference, and learns which block it is', async () => {
    const agent = agentWith([]);
    const script = calling({});
    await using plait = await startPlait({ agents: [agent], script, storage: await newStorage() });
    const session = plait.agents.openSession(agent, newSessionId());
    const inputs = [
      [image(forged)],
      [composed(image(forged))],
      [image({ ...forged, digest: 'd' })],
    ];

    for (const input of inputs as TurnInput[]) {
      const [block] = input as unknown as [never];
      await expect(plait.agents.start(agent, input)).rejects.toThrow(InvalidTurnError);
      await expect(session.send([block])).rejects.toThrow(
        /(input|content)\[0\].*(source\.data (is not a text: give the data itself|must be a text)|without source\.data)/,
      );
      for (const role of ['user', 'assistant'] as const) {
        const messages: Message[] = [
          { role, content: [block] },
          { role: 'assistant', content: 'Yes.' },
        ];
        await expect(plait.agents.startSession(agent, { messages })).rejects.toThrow(
          InvalidSessionError,
        );
      }
    }
    expect((await (await session.send('Hello')).result()).text).toBe('You said: Hello');
    expect(plait.model.requests).toHaveLength(1);
    await session.close();
  });
});

describe('a plain client', () => {
  test('that sends a reference to nothing fails one turn within seconds, and the session forgets it', async () => {
    const agent = agentWith([]);
    const storage = await newStorage();
    const script = calling({});
    await using plait = await startPlait({ agents: [agent], script, storage });
    const { workflow } = plait.agents.client;
    const session = plait.agents.openSession(agent, newSessionId());
    await (await session.send('Hello')).result();

    const receipt = await session.workflow.executeUpdate<{ turnId: string }, [unknown]>('send', {
      args: [{ input: [image(forged)], idempotencyKey: 'forged' }],
    });
    const begun = () =>
      workflow
        .getHandle(receipt.turnId)
        .describe()
        .then(
          () => true,
          () => false,
        );
    await expect.poll(begun, { timeout: 20_000 }).toBe(true);
    const failed: unknown = await plait.agents
      .getTurn(receipt.turnId)
      .result()
      .catch((error: unknown) => error);

    expect((failed as Error).message).toMatch(
      /Cannot read an image or a document from the storage: Nothing is stored at .*a{64}/,
    );
    expect((await (await session.send('And now?')).result()).text).toBe('You said: And now?');
    await session.close();

    const start = (args: unknown) =>
      workflow.execute('agentSession', {
        workflowId: newSessionId(),
        taskQueue: plait.taskQueue,
        args: [args],
      });
    await expect(
      start({
        agent: 'tester',
        messages: [
          { role: 'user', content: [image(forged)] },
          { role: 'assistant', content: 'Yes.' },
        ],
      }),
    ).rejects.toMatchObject({
      cause: { message: expect.stringContaining('give the data itself') as string },
    });
  });
});

describe('a completion', () => {
  test("with a reference is read as JSON from Plait's client, and fails its call alone from a plain one", async () => {
    const tokens: string[] = [];
    const wait = reader('wait', (_, { later }) => {
      const waiting = later();
      tokens.push(waiting.token);
      return waiting;
    });
    const agent = agentWith([wait]);
    const script = calling([
      ['wait', { n: 1 }],
      ['wait', { n: 2 }],
    ]);
    await using plait = await startPlait({ agents: [agent], script, storage: await newStorage() });
    const session = plait.agents.openSession(agent, newSessionId());
    const turn = await session.send('Call.');
    await expect.poll(() => tokens.length, { timeout: 20_000 }).toBe(2);
    const [ours = '', theirs = ''] = tokens;

    await plait.agents.completeToolCall(ours, [image(forged)]);
    const { callId, key: secret } = decodeCallToken(theirs);
    const result = { type: 'succeeded', value: [image(forged)] };
    await plait.agents.client.workflow
      .getHandle(turn.turnId)
      .executeUpdate('completeToolCall', { args: [{ callId, key: secret, result }] });
    const { calls, messages } = await turn.result();

    const answers = new Map(
      ((messages[2]?.content ?? []) as { tool_use_id: string; content: unknown }[]).map(
        (answer) => [answer.tool_use_id, answer],
      ),
    );
    expect(answers.get(decodeCallToken(ours).callId)).toMatchObject({
      content: JSON.stringify([image(forged)]),
    });
    expect(calls.find(({ id }) => id === callId)?.outcome).toBe('failed');
    expect((await (await session.send('And now?')).result()).text).toBe('You said: And now?');
    await session.close();
  });
});

describe('foreign data with look-alikes anywhere', () => {
  test('ends its turn, lets the session go on, and does not hinder garbage collection', async () => {
    const storage = await newStorage();
    const address = inject('temporalAddress');
    await using own = await newNamespace(address);
    const json = fc.sample(lookAlikeJson, { numRuns: 24, seed: 11 });
    const blocks = fc.sample(fc.array(lookAlikeBlock, { minLength: 1, maxLength: 2 }), {
      numRuns: 24,
      seed: 12,
    });
    const references = fc.sample(wellFormedReference, { numRuns: 4, seed: 13 });
    const tokens: string[] = [];
    const agent = agentWith(
      [
        reader('echo', (input, { heartbeat }) => {
          heartbeat(input);
          return input;
        }),
        reader('show', ({ n }) => blocks[n as number]),
        reader(
          'fail',
          (input) => {
            throw Object.assign(new Error(JSON.stringify(input)), { details: input });
          },
          { activity: { retry: { maximumAttempts: 1 } } },
        ),
        reader('wait', (_, { later }) => {
          const waiting = later();
          tokens.push(waiting.token);
          return waiting;
        }),
        reader('gated', (input) => input, { approval: 'always' }),
      ],
      { concurrency: 200 },
    );
    const calls = [
      ...json.map((input) => ['echo', input] as const),
      ...json.slice(0, 6).map((input) => ['fail', input] as const),
      ...blocks.map((_, n) => ['show', { n }] as const),
      ...blocks.slice(0, 8).map((_, n) => ['wait', { n }] as const),
      ...json.slice(0, 4).map((input) => ['gated', input] as const),
    ];
    await using plait = await startTestEnvironment({
      temporal: { address, namespace: own.name },
      ...inThisThread,
      agents: [agent],
      script: calling(calls),
      storage,
    });
    const { client } = plait.agents;
    const [claim] = await storage.store({}, [defaultPayloadConverter.toPayload('garbage')]);
    const context = { tenant: json[0], seen: [references, blocks[0]] };
    const session = plait.agents.openSession(agent, newSessionId(), { context });

    const turn = await session.send('Call.');
    await expect.poll(() => tokens.length, { timeout: 60_000 }).toBe(8);
    for (const [i, token] of tokens.entries()) {
      await plait.agents.completeToolCall(token, i % 2 === 0 ? blocks[i] : json[i]);
    }
    await expect.poll(async () => (await turn.approvals()).length, { timeout: 60_000 }).toBe(4);
    for (const [i, { callId }] of (await turn.approvals()).entries()) {
      await turn.approve(callId, { by: 'ana', input: json[20 + i] });
    }
    const first = await turn.result();
    const second = await (await session.send('And now?')).result();

    expect(first.stopReason).toBe('end_turn');
    expect(first.calls).toHaveLength(calls.length);
    for (const { name, outcome } of first.calls) {
      expect([name, outcome]).toEqual([name, name === 'fail' ? 'failed' : 'succeeded']);
    }
    // No data of a stranger has become an image or a document.
    expect(JSON.stringify(first.messages[2])).not.toMatch(/"source":\{"type":"(base64|content)/);
    expect(second.text).toBe('You said: And now?');
    const asked = plait.model.requests.at(-1)?.body?.messages;
    expect(asked?.slice(0, first.messages.length)).toEqual(first.messages);
    await session.close();

    const workflowId = `memo-${randomUUID()}`;
    await client.workflow.start('nobody', {
      workflowId,
      taskQueue: 'nobody',
      args: json,
      memo: { json, blocks, references },
    });
    const schedule = await client.schedule.create({
      scheduleId: `s-${randomUUID()}`,
      spec: {},
      memo: { references },
      action: {
        type: 'startWorkflow',
        workflowType: 'agentTurn',
        taskQueue: 'nobody',
        args: [{ agent: 'tester', input: [image(references[0])], context: json }],
      },
    });
    const tomorrow = new Date(Date.now() + 86_400_000);
    const report = await sweep(storage, { live: () => liveKeys(client), writtenBefore: tomorrow });
    await schedule.delete();

    // The garbage, and perhaps the object of the workers' check.
    expect(report.removed.objects).toBeGreaterThanOrEqual(1);
    const left: string[] = [];
    for await (const { key: one } of storage.list()) left.push(one);
    expect(left).not.toContain(claim?.claimData['key']);
    expect(left.length).toBeGreaterThan(0);
    expect((await turn.result()).messages).toEqual(first.messages);
  });
});

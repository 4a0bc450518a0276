import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { InvalidSessionError, InvalidTurnError, TurnFailedError } from '../../client/index.ts';
import { fault } from '../../testing/faults.ts';
import { jsonBytes } from '../../core/json.ts';
import type { InputBlock, Message } from '../../core/conversation/messages.ts';
import type { SessionTranscript } from '../../core/session/protocol.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import { withStorage } from '../../storage/data-converter.ts';
import { directoryStorage } from '../../storage/directory.ts';
import { liveKeys } from '../../storage/live-keys.ts';
import type { PlaitStorage } from '../../storage/plait-storage.ts';
import { sweep } from '../../storage/sweep.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import type { MessageReply } from '../../testing/messages/reply.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { conversation } from '../../testing/script.ts';
import { brokenPng, imageBlock, pdf, pdfBlock, png } from '../fixtures/images.ts';
import { newNamespace } from '../fixtures/namespace.ts';
import { startPlait } from '../fixtures/plait.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { asked, newSessionId, rejectedRequests } from '../fixtures/sessions.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

const photo = imageBlock(png({ bytes: 3_000_000 }));
const screenshot = imageBlock(png({ bytes: 2_000_000, seed: 2 }));
const words = (text: string): InputBlock => ({ type: 'text', text });
const question = [photo, words('What is this?')];

const look = reader('look', () => [words('The page:'), screenshot]);
const agent = agentWith([look]);

type AgentTurn = (args: unknown) => Promise<TurnResult>;

/** Looks so often as the user's words say, and then answers. */
const looking: Script = ({ userText, round }) => {
  const times = Number(/\d+/.exec(userText)?.[0] ?? 1);
  return round < times ? callTools({ look: {} }) : say('I see.');
};

async function newStorage(): Promise<PlaitStorage> {
  const directory = await mkdtemp(join(tmpdir(), 'plait-files-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directoryStorage(directory);
}

/** All that is recorded of a workflow, in all its runs, as text. */
async function recorded(
  client: Client,
  workflowId: string,
): Promise<{ bytes: number; text: string }> {
  const { firstExecutionRunId } = await client.workflow
    .getHandle(workflowId)
    .describe()
    .then(({ raw }) => ({ firstExecutionRunId: raw.workflowExecutionInfo?.firstRunId ?? '' }));
  let text = '';
  let runId = firstExecutionRunId;
  let bytes = 0;
  while (runId !== '') {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const encoded = proto.temporal.api.history.v1.History.encode(history).finish();
    bytes += encoded.length;
    text += Buffer.from(encoded).toString('latin1');
    const last = history.events?.at(-1);
    runId = last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? '';
  }
  return { bytes, text };
}

/** Pieces of base64 of an image that stand nowhere else. */
const traces = [photo, screenshot].map(({ source: { data } }) => data.slice(100_000, 100_060));

async function expectSmall(client: Client, workflowId: string, limit = 100_000): Promise<void> {
  const { bytes, text } = await recorded(client, workflowId);
  expect(bytes).toBeLessThan(limit);
  for (const trace of traces) expect(text).not.toContain(trace);
}

function expectPrefixes({ model }: Pick<TestEnvironment, 'model'>): void {
  const bodies = model.requests.map(({ body }) => JSON.stringify(body?.messages).slice(0, -1));
  for (const [i, body] of bodies.entries()) {
    expect(body.startsWith(bodies[i - 1] ?? '')).toBe(true);
  }
}

describe('with a storage', () => {
  test('a turn with images of megabytes leaves a history of some kilobytes, and the model gets every byte', async () => {
    await using plait = await startPlait({
      agents: [agent],
      script: looking,
      storage: await newStorage(),
    });
    const { client } = plait.agents;

    const turn = await plait.agents.start(agent, [...question, words('Look 3 times.')]);
    const result = await turn.result();

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'I see.', rounds: 4 });
    await expectSmall(client, turn.turnId);
    const last = plait.model.requests.at(-1)?.body?.messages ?? [];
    expect(plait.model.requests).toHaveLength(4);
    expect(JSON.stringify(last)).toBe(JSON.stringify(result.messages.slice(0, -1)));
    expect(last[0]).toEqual({ role: 'user', content: [...question, words('Look 3 times.')] });
    for (const at of [2, 4, 6]) {
      expect(last[at]?.content[0]).toMatchObject({ content: [words('The page:'), screenshot] });
    }
    expectPrefixes(plait);

    // A plain client sees small references, and may go on with them.
    const plain = await client.workflow.getHandle<AgentTurn>(turn.turnId).result();
    expect(jsonBytes(plain)).toBeLessThan(20_000);
    const input = [...plain.messages, { role: 'user', content: 'And now? Look 0 times.' }];
    const next = await client.workflow.execute<AgentTurn>('agentTurn', {
      workflowId: `turn-${randomUUID()}`,
      taskQueue: plait.taskQueue,
      args: [{ agent: 'tester', input }],
    });
    expect(next.text).toBe('I see.');
    expect(plait.model.requests.at(-1)?.body?.messages[0]).toEqual(last[0]);
  });

  test('so does a session over several turns, after it has gone on in a new run, and a fork of it', async () => {
    const short = agentWith([look], { historyEvents: 20 });
    await using plait = await startPlait({
      agents: [short],
      script: looking,
      storage: await newStorage(),
    });
    const { client } = plait.agents;
    const session = plait.agents.openSession(short, newSessionId());

    const first = await session.send([photo, words('Look 1 times.')]);
    const result = await first.result();
    expect(result.messages[0]).toEqual({ role: 'user', content: [photo, words('Look 1 times.')] });
    await (await session.send('Look 0 times.')).result();
    const { runId } = await session.workflow.describe();
    await until(async () => (await session.workflow.describe()).runId !== runId);
    const document = pdfBlock(pdf(300_000));
    const second = await session.send([document, words('Look 1 times more.')]);
    await second.result();

    const { messages } = await session.transcript();
    expect(messages).toHaveLength(10);
    expect(plait.model.requests.at(-1)?.body?.messages).toEqual(messages.slice(0, -1));
    expect(messages[6]).toEqual({ role: 'user', content: [document, words('Look 1 times more.')] });
    expectPrefixes(plait);
    for (const id of [session.sessionId, first.turnId, second.turnId]) {
      await expectSmall(client, id);
    }

    const fork = await plait.agents.startSession(short, { messages });
    await (await fork.send('Look 0 times.')).result();
    expect(plait.model.requests.at(-1)?.body?.messages.slice(0, 10)).toEqual(messages);
    await expectSmall(client, fork.sessionId);
    for (const open of [session, fork]) await open.close();
  });

  test('so does a call that is completed from outside with an image', async () => {
    let token = '';
    const shoot = reader('shoot', (_, { later }) => {
      const waiting = later();
      token = waiting.token;
      return waiting;
    });
    const photographer = agentWith([shoot]);
    await using plait = await startPlait({
      agents: [photographer],
      script: conversation(/./, [callTools({ shoot: {} }), say('I see.')]),
      storage: await newStorage(),
    });

    const turn = await plait.agents.start(photographer, 'Take a photo.');
    await until(() => token);
    await plait.agents.completeToolCall(token, [photo]);
    const { messages, text } = await turn.result();

    expect(text).toBe('I see.');
    expect(messages[2]?.content).toMatchObject([{ content: [photo] }]);
    expect(plait.model.requests.at(-1)?.body?.messages).toEqual(messages.slice(0, -1));
    await expectSmall(plait.agents.client, turn.turnId);
  });

  test('files behind a URL, uploaded files and texts reach the model unchanged', async () => {
    const text = 'So it was "agreed".\n'.repeat(1_000);
    const given: InputBlock[] = [
      { type: 'image', source: { type: 'url', url: 'https://example.com/map.png' } },
      { type: 'document', source: { type: 'file', file_id: 'file_011' }, title: 'Contract' },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text } },
      { type: 'document', source: { type: 'content', content: [photo] } },
    ];
    const fetching = agentWith([reader('look', () => given)]);
    await using plait = await startPlait({
      agents: [fetching],
      script: looking,
      storage: await newStorage(),
    });
    const session = plait.agents.openSession(fetching, newSessionId());

    const turn = await session.send([...given, words('Look 1 times.')]);
    const { messages } = await turn.result();

    expect(messages[0]?.content).toEqual([...given, words('Look 1 times.')]);
    expect(messages[2]?.content).toMatchObject([{ content: given }]);
    expect(plait.model.requests.at(-1)?.body?.messages).toEqual(messages.slice(0, -1));
    expectPrefixes(plait);
    await expectSmall(plait.agents.client, turn.turnId);
    await session.close();
  });

  test('a document that a tool of the API has found goes back to the API unchanged', async () => {
    const direct = { type: 'direct' } as const;
    const data = 'So it was "agreed".\n'.repeat(10_000);
    const found = {
      type: 'web_fetch_result',
      url: 'https://example.com',
      retrieved_at: '2026-11-22T00:00:00Z',
      content: {
        type: 'document',
        source: { type: 'text', media_type: 'text/plain', data },
        title: null,
        citations: null,
      },
    } as const;
    const [id, name] = ['srvtoolu_1', 'web_fetch'] as const;
    const input = { url: found.url };
    const fetched: MessageReply = {
      content: [
        { type: 'server_tool_use', id, name, input, caller: direct },
        { type: 'web_fetch_tool_result', tool_use_id: id, content: found, caller: direct },
        { type: 'text', text: 'I have read it.' },
      ],
    };
    const browsing = agentWith([], {
      serverTools: [{ type: 'web_fetch_20260318', name: 'web_fetch' }],
    });
    await using plait = await startPlait({
      agents: [browsing],
      script: ({ userText }) => (userText === 'Read it.' ? fetched : say('Yes.')),
      storage: await newStorage(),
    });
    const session = plait.agents.openSession(browsing, newSessionId());

    const turn = await session.send('Read it.');
    const committed: unknown[] = [];
    for await (const event of turn.stream()) {
      if (event.type === 'replyCommitted') committed.push(event.reply.content[1]);
    }
    await (await session.send('Is it agreed?')).result();

    const { messages } = await session.transcript();
    expect(committed).toMatchObject([{ content: found }]);
    expect(messages[1]?.content[1]).toMatchObject({ content: found });
    expect(plait.model.requests.at(-1)?.body?.messages).toEqual(messages.slice(0, -1));
    await expectSmall(plait.agents.client, session.sessionId);
    await expectSmall(plait.agents.client, turn.turnId);
    await session.close();
  });

  test('a message that is sent again is the same, even if payloads are encrypted', async () => {
    const salted: PayloadCodec = {
      encode: (payloads) =>
        Promise.resolve(
          payloads.map(({ metadata, data }) => ({
            metadata: { ...metadata, salt: Buffer.from(randomUUID()) },
            data: Buffer.from(data ?? []).map((byte) => byte ^ 0x55),
          })),
        ),
      decode: (payloads) =>
        Promise.resolve(
          payloads.map(({ metadata, data }) => ({
            metadata: metadata ?? {},
            data: Buffer.from(data ?? []).map((byte) =>
              metadata?.['salt'] === undefined ? byte : byte ^ 0x55,
            ),
          })),
        ),
    };
    const storage = await newStorage();
    await using plait = await startPlait({
      agents: [agent],
      script: looking,
      storage,
      dataConverter: { payloadCodecs: [salted] },
    });
    const session = plait.agents.openSession(agent, newSessionId());
    const input = [photo, words('Look 0 times.')];

    const turn = await session.send(input, { idempotencyKey: 'once' });
    const again = await session.send(input, { idempotencyKey: 'once' });

    expect(again.turnId).toBe(turn.turnId);
    expect((await turn.result()).messages[0]).toEqual({ role: 'user', content: input });
    await expect(
      session.send([screenshot, words('Look 0 times.')], { idempotencyKey: 'once' }),
    ).rejects.toThrow('was used for another message');
    await session.close();
  });
});

describe('without a storage', () => {
  const fits = imageBlock(png({ bytes: 600_000 }));

  test('images are sent inline while they fit, also from a plain client', async () => {
    const small = agentWith([reader('look', () => [fits])]);
    await using plait = await startPlait({ agents: [small], script: looking });
    const input = [photoOf(200_000), words('Look 1 times.')];

    const result = await plait.agents.execute(small, input);
    const plain = await plait.agents.client.workflow.execute<AgentTurn>('agentTurn', {
      workflowId: `turn-${randomUUID()}`,
      taskQueue: plait.taskQueue,
      args: [{ agent: 'tester', input }],
    });

    expect(result.messages[0]).toEqual({ role: 'user', content: input });
    expect(result.messages[2]?.content).toMatchObject([{ content: [fits] }]);
    expect(plait.model.requests[1]?.body?.messages).toEqual(result.messages.slice(0, -1));
    expect(plain.messages).toEqual(result.messages);
  });

  test('files that do not fit are rejected before anything is started, with the block and what to do', async () => {
    await using plait = await startPlait({ agents: [agent], script: looking });
    const session = plait.agents.openSession(agent, newSessionId());
    const messages: Message[] = [{ role: 'user', content: question }];

    const error: unknown = await plait.agents
      .start(agent, question, { turnId: 'too-large' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidTurnError);
    expect((error as Error).message).toMatch(
      /^input has 4000\d+ bytes with its images and documents \(input\[0\] has 4000\d+\), and without a `storage` at most 1500000 fit\. Give the client and the workers one, or upload the file with Anthropic's Files API and send its id\.$/,
    );
    await expect(plait.agents.getTurn('too-large').describe()).rejects.toThrow('There is no turn');
    await expect(session.send(question)).rejects.toThrow(InvalidTurnError);
    await expect(session.describe()).rejects.toThrow('no session');
    await expect(plait.agents.startSession(agent, { messages })).rejects.toThrow(
      InvalidSessionError,
    );
  });

  test('a result that does not fit is an error for the model', async () => {
    await using plait = await startPlait({ agents: [agent], script: looking });

    const { calls, messages } = await plait.agents.execute(agent, 'Look 1 times.');

    expect(calls[0]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(
        /^The tool ran, but its result of \d+ bytes is above the limit of 2000000, and its images and documents are not in a storage of the worker/,
      ) as string,
    });
    expect(messages[2]?.content).toMatchObject([{ is_error: true }]);
  });
});

function photoOf(bytes: number) {
  return imageBlock(png({ bytes, seed: 7 }));
}

describe('an image that cannot be read', () => {
  test('is rejected before anything is started, and named', async () => {
    await using plait = await startPlait({ agents: [agent], script: looking });
    const bad = {
      ...photoOf(100),
      source: { ...photoOf(100).source, media_type: 'image/jpeg' as const },
    };
    const session = plait.agents.openSession(agent, newSessionId());
    const messages: Message[] = [{ role: 'user', content: [bad] }];

    await expect(plait.agents.start(agent, [words('Look'), bad])).rejects.toEqual(
      new InvalidTurnError(
        'input[1] is declared as image/jpeg, but its bytes are those of image/png.',
      ),
    );
    await expect(session.send([bad])).rejects.toThrow('input[0] is declared as image/jpeg');
    await expect(plait.agents.startSession(agent, { messages })).rejects.toThrow(
      'messages[0].content[0] is declared as image/jpeg',
    );
    expect(plait.model.requests).toEqual([]);
  });

  test('is an error of its call if a tool returns it', async () => {
    const wrong = { ...screenshot, source: { ...screenshot.source, media_type: 'image/webp' } };
    const faulty = agentWith([look, reader('peek', () => [wrong])]);
    await using plait = await startPlait({
      agents: [faulty],
      script: conversation(/./, [callTools({ look: {}, peek: {} }), say('I see.')]),
      storage: await newStorage(),
    });

    const { text, calls, messages } = await plait.agents.execute(faulty, 'Look.');

    expect(text).toBe('I see.');
    expect(calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'failed']);
    expect(messages[2]?.content).toMatchObject([
      { content: [words('The page:'), screenshot] },
      {
        is_error: true,
        content:
          'The tool ran, but what it returned cannot be shown to you: result[0] is declared as image/webp, but its bytes are those of image/png.',
      },
    ]);
  });
});

const placeOf = (block: number) =>
  `messages.2.content.${block}.tool_result.content.1.image.source.base64: Could not process image`;

const tooMany: Script = ({ round }) =>
  round === 0 ? callTools({ peek: {} }) : fault.badRequest('messages: too many documents');

test('a picture that is rejected because of an old one in its session fails, and the error says which one', async () => {
  const plain = agentWith([]);
  await using plait = await startPlait({
    agents: [plain],
    script: conversation(/./, [say('I see.')]),
    storage: await newStorage(),
  });
  const session = plait.agents.openSession(plain, newSessionId());
  const small = imageBlock(png());
  const large = imageBlock(png({ width: 2_500, height: 10 }));

  await (await session.send('Hello')).result();
  await (await session.send([large, words('My invoice')])).result();
  await (
    await session.send([...Array.from({ length: 19 }, () => small), words('And these')])
  ).result();
  const failed = (await session.send([small, words('One more')])).result();

  await expect(failed).rejects.toThrow(
    /messages\.2\.content\.0\.image.* 2000 pixels.*\. It means an image that a person sent earlier, in message 3 of 7 of the conversation \("My invoice"\), and not what was sent last\. Go on without sending more files, or begin a new conversation without that one\.$/,
  );
  expect((await (await session.send('Thanks')).result()).text).toBe('I see.');
  await session.close();
});

describe('a fault that only the API sees', () => {
  const broken = imageBlock(brokenPng({ bytes: 20_000 }));
  const peek = reader('peek', () => [words('The page:'), broken]);
  const both = agentWith([look, peek]);

  test('is left out of the newest results with its words, and the turn and its session go on', async () => {
    await using plait = await startPlait({
      agents: [both],
      script: conversation(/./, [
        callTools([
          ['look', {}],
          ['peek', {}],
          ['peek', { again: true }],
        ]),
        callTools({ look: {} }),
        say('One of them cannot be read.'),
      ]),
      storage: await newStorage(),
    });
    const session = plait.agents.openSession(both, newSessionId());

    const turn = await session.send('Look at all.');
    const { stopReason, messages } = await turn.result();
    const next = await (await session.send('And now?')).result();

    expect(stopReason).toBe('end_turn');
    expect(next.stopReason).toBe('end_turn');
    expect(rejectedRequests(plait.model).slice(0, 2)).toEqual([placeOf(1), placeOf(2)]);
    const leftOut = (block: number) =>
      words(
        `[The API rejected what was here, so it was left out: The Messages API answered 400 invalid_request_error: ${placeOf(block)}]`,
      );
    expect(messages[2]?.content).toMatchObject([
      { content: [words('The page:'), screenshot] },
      { content: [words('The page:'), leftOut(1)] },
      { content: [words('The page:'), leftOut(2)] },
    ]);
    expect((await session.transcript()).messages.slice(0, 3)).toEqual(messages.slice(0, 3));
    // Once in each turn that looks: what is left out is not tried again.
    expect(rejectedRequests(plait.model)).toHaveLength(4);
    await session.close();
  });

  test('is left out even if the API does not say which it is, or finds the request too long', async () => {
    const said = ['Could not process image', 'prompt is too long: 210000 tokens > 200000 maximum'];
    let refused = 0;
    const script: Script = (request) => {
      if (request.round === 0) return callTools({ look: {} });
      const isThere = JSON.stringify(request.toolResults).includes('base64');
      if (!isThere) return say('I cannot see it.');
      return fault.badRequest(said[refused++] ?? '');
    };
    const small = agentWith([reader('look', () => [photoOf(100)])]);
    await using plait = await startPlait({ agents: [small], script });

    for (const _ of said) {
      const { text, messages } = await plait.agents.execute(small, 'Look.');
      expect(text).toBe('I cannot see it.');
      expect(JSON.stringify(messages)).not.toContain('base64');
    }
    expect(refused).toBe(2);
  });

  test('is left out if the request has become too large', async () => {
    const large = imageBlock(png({ bytes: 7_000_000 }));
    const scan = agentWith([reader('scan', () => [large])]);
    const calls = [1, 2, 3, 4].map((page) => ['scan', { page }] as const);
    await using plait = await startPlait({
      agents: [scan],
      script: conversation(/./, [callTools(calls), say('That was too much.')]),
      storage: await newStorage(),
    });

    const { text, messages } = await plait.agents.execute(scan, 'Scan all.');

    expect(text).toBe('That was too much.');
    expect(plait.model.requests.map(({ status }) => status)).toEqual([200, 413, 200]);
    expect(JSON.stringify(messages).match(/413 request_too_large/g)).toHaveLength(4);
  });

  test('fails the turn of a person whose message has it, and the session forgets the message', async () => {
    await using plait = await startPlait({
      agents: [both],
      script: looking,
      storage: await newStorage(),
    });
    const session = plait.agents.openSession(both, newSessionId());
    await (await session.send([photo, words('Look 0 times.')])).result();

    const failed = await (
      await session.send([broken, words('And this?')])
    )
      .result()
      .catch((error: unknown) => error);
    const { stopReason } = await (await session.send('Look 0 times more.')).result();

    expect(failed).toBeInstanceOf(TurnFailedError);
    expect((failed as TurnFailedError).message).toContain(
      'messages.2.content.0.image.source.base64: Could not process image',
    );
    expect((failed as TurnFailedError).progress?.messages).toEqual([
      { role: 'user', content: [broken, words('And this?')] },
    ]);
    expect(stopReason).toBe('end_turn');
    expect(asked(plait.model).at(-1)?.join()).not.toContain('And this?');
    await session.close();
  });

  test('fails a turn for good if the API rejects something else', async () => {
    const fine = agentWith([reader('peek', () => [photoOf(100)])]);
    await using plait = await startPlait({ agents: [fine], script: tooMany });

    await expect(plait.agents.execute(fine, 'Look.')).rejects.toThrow('too many documents');
    expect(plait.model.requests).toHaveLength(3);
  });
});

describe('collecting garbage', () => {
  test('keeps the images of retained conversations, sealed or not, and removes the others', async () => {
    const storage = await newStorage();
    const address = inject('temporalAddress');
    await using own = await newNamespace(address);
    await using plait = await startTestEnvironment({
      temporal: { address, namespace: own.name },
      ...inThisThread,
      agents: [agent],
      script: looking,
      storage,
    });
    const { client } = plait.agents;
    const before = new Set(await keysOf(storage));
    const turn = await plait.agents.start(agent, [photo, words('Look 2 times.')]);
    const result = await turn.result();
    const session = plait.agents.openSession(agent, newSessionId());
    const document = pdfBlock(pdf(30_000));
    const started = await plait.agents.startSession(agent, {
      messages: [{ role: 'user', content: [document] }],
    });
    await (await session.send([photo, words('Look 0 times.')])).result();
    const named = (await keysOf(storage)).filter((key) => !before.has(key));
    // Sent, and then nobody has named it.
    const lost = imageBlock(png({ bytes: 50_000, seed: 9 }));
    await expect(plait.agents.getSession('no-such-session').send([lost])).rejects.toThrow(
      'no session',
    );
    const all = await keysOf(storage);
    expect(all.length).toBe(before.size + named.length + 1);

    const future = new Date(Date.now() + 86_400_000);
    const young = await sweep(storage, {
      live: () => liveKeys(client),
      writtenBefore: new Date(Date.now() - 86_400_000),
    });
    expect(young.removed.objects).toBe(0);
    await until(async () => (await missing(client, named)).length === 0);
    await sweep(storage, { live: () => liveKeys(client), writtenBefore: future });

    expect(new Set(await keysOf(storage))).toEqual(new Set(named));
    expect(await turn.result()).toEqual(result);
    expect((await session.transcript()).messages[0]?.content).toContainEqual(photo);
    expect((await started.transcript()).messages[0]?.content).toEqual([document]);
    for (const open of [session, started]) await open.close();
  });
});

describe('a needed object', () => {
  test('is found even if only a sealed segment names it', async () => {
    const storage = await newStorage();
    await using plait = await startPlait({ agents: [agent], script: looking, storage });
    const session = plait.agents.openSession(agent, newSessionId());
    await (await session.send([photo, words(`Look 0 times.${'x'.repeat(9_000)}`)])).result();
    const { transcript }: SessionTranscript = await session.workflow.query('transcript');
    await using own = await newNamespace(inject('temporalAddress'));
    const dataConverter = withStorage(undefined, storage) ?? {};
    const client = new Client({
      connection: own.client.connection,
      namespace: own.name,
      dataConverter,
    });
    await client.workflow.start('nobody', {
      workflowId: 'w',
      taskQueue: 'nobody',
      args: [transcript.segments],
    });

    expect(transcript.segments).toMatchObject([{ files: true }]);
    const large: string[] = [];
    for await (const { key, bytes } of storage.list()) if (bytes > 4_000_000) large.push(key);
    expect(large).toHaveLength(1);
    await until(async () => (await missing(client, large)).length === 0);
    await client.workflow.getHandle('w').terminate();
    await session.close();
  });
});

async function keysOf(storage: PlaitStorage): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list()) keys.push(key);
  return keys;
}

/** Those of the keys that nothing names. */
async function missing(client: Client, keys: readonly string[]): Promise<string[]> {
  const live = new Set<string>();
  for await (const key of liveKeys(client)) live.add(key);
  return keys.filter((key) => !live.has(key));
}

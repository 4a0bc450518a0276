import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import { loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { temporal } from '@temporalio/proto';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import type { CreateWorkerOptions } from '../../worker/create-worker.ts';
import { createWorker } from '../../worker/create-worker.ts';
import { AgentClient, TurnFailedError, UnreadablePayloadError } from '../../client/index.ts';
import { DeclarationError } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { fault } from '../../testing/faults.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { directoryStorage } from '../../storage/directory.ts';
import { encryptedBy, failureConverterBeside } from '../../storage/encryption.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { Door } from '../fixtures/door.ts';
import { newNamespace } from '../fixtures/namespace.ts';
import { newSessionId, untilIdle } from '../fixtures/sessions.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';
import { testGuide } from '../fixtures/guide.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { rejection } from '../fixtures/waiting-turns.ts';
import { ask, runWorker } from '../docs/encryption.ts';
import { aesCodec } from '../docs/encryption-codec.ts';

/** What nobody may find, by where it comes from. */
const SAID = {
  prompt: 'word-of-the-prompt',
  user: 'word-of-the-user',
  steering: 'word-of-steering',
  context: 'word-of-the-context',
  input: 'word-of-an-input',
  longResult: 'word-of-a-long-result',
  heartbeat: 'word-of-a-heartbeat',
  approval: 'word-of-an-approval',
  answer: 'word-of-the-answer',
};
const THROWN = {
  error: 'word-of-an-error',
  cause: 'word-of-a-cause',
  final: 'word-of-the-final-error',
  api: 'word-of-the-api',
};
/** What anybody finds, whatever is encrypted. */
const CLEAR = {
  agent: 'tester',
  tool: 'toolu_look',
  errorType: 'LookupError',
  user: 'user-4711',
  update: 'approve-toolu_pay-',
  reason: 'reason-of-a-termination',
};
const ALL = Object.values({ ...SAID, ...THROWN }).toSorted();

const { HistoryEvent } = temporal.api.history.v1;
const {
  DescribeWorkflowExecutionResponse: Description,
  ListWorkflowExecutionsResponse: List,
  QueryWorkflowResponse: QueryAnswer,
} = temporal.api.workflowservice.v1;

type Messages = { encode(message: never): { finish(): Uint8Array } };

/** The bytes of a message as they travel; payloads stand in them as they are. */
const wire = (type: Messages, message: unknown): Buffer =>
  Buffer.from(type.encode(message as never).finish());

type Workflows = Pick<CreateWorkerOptions, 'workflowBundle'>;

class LookupError extends Error {
  override readonly name = CLEAR.errorType;
}

/** A session whose turns say and throw all of the words; returns what the server and the storage hold. */
async function tell(dataConverter: DataConverter, workflows: Workflows = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'plait-encryption-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const storage = directoryStorage(directory);
  const [lastTry, approved] = [new Door(), new Door()];
  const look = reader(
    'look',
    async (_, ctx) => {
      if (ctx.attempt > 1) {
        await lastTry.pass(ctx.signal);
        throw new Error(THROWN.final);
      }
      ctx.heartbeat(SAID.heartbeat);
      throw new LookupError(THROWN.error, { cause: new Error(THROWN.cause) });
    },
    { activity: { retry: { maximumAttempts: 2, initialInterval: '10ms' } } },
  );
  const list = reader('list', () => `${SAID.longResult} ${'x'.repeat(300_000)}`, {
    maxResultBytes: 400_000,
  });
  const pay = writer('pay', () => approved.pass(), { approval: 'always' });
  const agent = agentWith([look, list, pay], { system: SAID.prompt });
  const plait = await startTestEnvironment({
    agents: [agent],
    debugMode: true,
    ...workflows,
    dataConverter,
    storage,
    temporal: { address: inject('temporalAddress') },
    script: script(
      conversation(new RegExp(SAID.user), [
        callTools([
          ['look', { q: SAID.input }, 'toolu_look'],
          ['list', {}, 'toolu_list'],
          ['pay', {}, 'toolu_pay'],
        ]),
        say(SAID.answer),
      ]),
      conversation('fail', [fault.status(400, 'invalid_request_error', THROWN.api)]),
    ),
  });
  await using _ = plait;
  const { client } = plait.agents;
  const { workflowService } = client;
  const { namespace } = plait.temporal;
  const seen: Buffer[] = [];
  const see = (type: Messages, message: unknown) => void seen.push(wire(type, message));
  const describe = async (workflowId: string) =>
    see(Description, (await client.workflow.getHandle(workflowId).describe()).raw);

  const id = newSessionId();
  const session = plait.agents.openSession(agent, id, {
    context: { tenant: SAID.context },
    whenBusy: 'steer',
    user: CLEAR.user,
  });
  const first = await session.send(SAID.user);
  const turn = plait.agents.getTurn(first.turnId);
  await session.send(SAID.steering);
  await lastTry.reached();
  await waitingCalls(turn, 1);
  const { pendingCalls } = await turn.describe();
  await describe(turn.turnId);
  await describe(id);
  for (const [workflowId, queryType] of [
    [turn.turnId, '__temporal_workflow_metadata'],
    [id, '__temporal_workflow_metadata'],
    [turn.turnId, 'approvals'],
  ] as const) {
    see(
      QueryAnswer,
      await workflowService.queryWorkflow({
        namespace,
        execution: { workflowId },
        query: { queryType },
      }),
    );
  }
  const rejected = await rejection(turn.approve('toolu_none', { by: 'ana' }));
  await turn.approve('toolu_pay', { by: 'ana', reason: SAID.approval });
  lastTry.open();
  approved.open();
  const result = await first.result();
  await untilIdle(session);
  const second = await session.send('fail');
  const failure = await second.result().catch((error: unknown) => error as Error);
  await untilIdle(session);
  await session.workflow.terminate(CLEAR.reason);

  for (const workflowId of [id, turn.turnId, second.turnId]) {
    const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
    for (const event of events ?? []) see(HistoryEvent, event);
    await describe(workflowId);
  }
  const query = `WorkflowId STARTS_WITH '${id}'`;
  const listed = await until(
    () => workflowService.listWorkflowExecutions({ namespace, query }),
    ({ executions }) => executions.length === 3,
  );
  see(List, listed);
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const file of files.filter((entry) => entry.isFile())) {
    seen.push(await readFile(join(file.parentPath, file.name)));
  }
  const found = (words: readonly string[]) =>
    words.filter((word) => seen.some((bytes) => bytes.includes(word))).toSorted();
  return { found, result, failure, pendingCalls, rejected };
}

const SHARED: Workflows = inThisThread;
const codec = aesCodec(randomBytes(32));

test('without a codec, everything that was said and thrown is in clear text', async () => {
  const { found } = await tell({}, SHARED);
  expect(found(ALL)).toEqual(ALL);
});

test('codecs alone leave what was thrown in clear text', async () => {
  const { found } = await tell({ payloadCodecs: [codec] }, SHARED);
  expect(found(ALL)).toEqual(Object.values(THROWN).toSorted());
});

test('encryptedBy leaves only names, ids, users and reasons in clear text, and everybody with the codec can read all', async () => {
  const { found, ...read } = await tell(encryptedBy(codec));
  expect(found(ALL)).toEqual([]);
  expect(found(Object.values(CLEAR))).toEqual(Object.values(CLEAR).toSorted());

  expect(read.result.text).toBe(SAID.answer);
  const [look, list] = read.result.calls;
  expect(look).toMatchObject({ outcome: 'failed', message: `${THROWN.final} (after 2 attempts)` });
  expect(list?.outcome).toBe('succeeded');
  const lastFailure = `${THROWN.error}: ${THROWN.cause}`;
  const pending = read.pendingCalls.find(({ id }) => id === 'toolu_look');
  expect(pending).toMatchObject({ attempt: 2, lastFailure });
  expect(read.failure).toBeInstanceOf(TurnFailedError);
  expect((read.failure as Error).message).toContain(THROWN.api);
  expect(read.rejected?.message).toContain('toolu_none');
});

describe('a client without the codec', () => {
  test.each([
    ['turns', 'agentTurn', (agents: AgentClient) => agents.listTurns()],
    ['sessions', 'agentSession', (agents: AgentClient) => agents.listSessions()],
    ['waiting calls', 'agentTurn', (agents: AgentClient) => agents.approvals()],
  ] as const)('learns what its list of %s needs', async (_, workflowType, list) => {
    await using namespace = await newNamespace(inject('temporalAddress'));
    const { connection, options } = namespace.client;
    const dataConverter = encryptedBy(codec);
    const writer = new Client({ connection, namespace: options.namespace, dataConverter });
    await writer.workflow.start(workflowType, {
      workflowId: 'written-by-another',
      taskQueue: 'nobody',
      memo: { asked: SAID.prompt },
    });
    const agents = new AgentClient({ client: namespace.client, taskQueue: 'nobody' });
    const error = await until(
      () => rejection(list(agents).next()),
      (problem) => problem !== undefined,
    );

    expect(error).toBeInstanceOf(UnreadablePayloadError);
    expect(error?.message).toMatch(
      /^Namespace test-\S+ has data that this client cannot read \(Unknown encoding: .+\)\. Create the client with the dataConverter/,
    );
  });
});

test('a bundle without the failure converter is an error before the worker starts', async () => {
  const dataConverter = encryptedBy(codec);
  const worker = createWorker({ agents: [agentWith([])], dataConverter, ...SHARED });
  await expect(worker).rejects.toThrow(DeclarationError);
  await expect(worker).rejects.toThrow(
    /workflowBundle has no failure converter.*failureConverterPath: /,
  );
});

test('the package finds its failure converter, and a program that is bundled into one file reports the problem', async () => {
  const path = join(inject('compiled'), 'storage/encryption.js');
  const packaged = (await import(path)) as { encryptedBy: typeof encryptedBy };
  const { failureConverterPath } = packaged.encryptedBy(codec);
  expect(failureConverterPath).toMatch(/storage.failure-converter\.js$/);
  const { failureConverter } = loadDataConverter(packaged.encryptedBy(codec));
  expect(failureConverter.errorToFailure(new Error('no'), defaultPayloadConverter).message).toBe(
    'Encoded failure',
  );
  for (const url of [undefined, 'file:///app/dist/worker.mjs']) {
    expect(failureConverterBeside(url)).toBeUndefined();
  }
});

describe('docs/encryption.md', () => {
  testGuide('docs/encryption.md', 2);

  test('has programs that compile', () => {
    for (const program of [ask, runWorker]) expect(program).toBeTypeOf('function');
  });
});

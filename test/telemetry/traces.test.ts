import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { AgentClient } from '../../client/index.ts';
import { deferred } from '../../core/deferred.ts';
import { fault, times } from '../../testing/faults.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { directoryStorage } from '../../storage/index.ts';
import type { ReceivedSpan } from '../fixtures/otlp-receiver.ts';
import { startPlait as startPlaitProcess } from '../cli/plait-process.ts';
import { startOtlpReceiver } from '../fixtures/otlp-receiver.ts';
import { startPlait } from '../fixtures/plait.ts';
import { newSessionId } from '../fixtures/sessions.ts';
import { attributesOf, forgetTraces, tracesInMemory, treeOf } from '../fixtures/spans.ts';
import { Stage } from '../fixtures/stage.ts';
import { agentNamed, ask } from '../fixtures/sub-agents.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';
import { workerProcesses } from '../fixtures/worker-processes.ts';

afterAll(forgetTraces);

test.concurrent('a turn is one trace: its start, its replies, each call once, and the turns of its sub-agents', async () => {
  const { traces, tracer, spans } = tracesInMemory();
  const look = reader('look', () => {
    tracer.startSpan('SELECT').end();
    return 'a secret';
  });
  const stumble = reader('stumble', (_, { attempt }) => {
    if (attempt < 3) throw new Error('not yet');
    return 'done';
  });
  const glance = reader('glance', () => 'seen', { execution: 'local' });
  const fail = writer('break', () => {
    throw new Error('a secret');
  });
  const scout = agentNamed('scout', [look]);
  const lead = agentNamed('lead', [look, stumble, fail, glance, ask(scout)]);
  await using plait = await startPlait({
    agents: [lead],
    traces,
    script: script(
      conversation('A secret?', [
        callTools([
          ['look', { word: 'a secret' }],
          ['stumble', {}],
          ['break', {}],
          ['invented', {}],
          ['scout', { prompt: 'a secret' }],
        ]),
        callTools({ glance: {} }),
        times(1, fault.overloaded(), say('A secret.')),
      ]),
      conversation('a secret', [callTools({ look: {} }), say('A secret.')]),
    ),
  });
  const turn = await plait.agents.start(lead, 'A secret?');
  const result = await turn.result();

  expect(treeOf(spans())).toEqual([
    'start_turn lead',
    '  invoke_agent lead',
    '    chat claude-opus-5-5',
    '    chat claude-opus-5-5',
    '    chat claude-opus-5-5',
    '    execute_tool break: failed',
    '    execute_tool glance',
    '    execute_tool invented: failed',
    '    execute_tool look',
    '      SELECT',
    '    execute_tool scout',
    '      invoke_agent scout',
    '        chat claude-opus-5-5',
    '        chat claude-opus-5-5',
    '        execute_tool look',
    '          SELECT',
    '    execute_tool stumble',
  ]);
  expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(1);
  const [stumbled] = result.calls.filter(({ name }) => name === 'stumble');
  expect(attributesOf(spans(), 'execute_tool stumble')).toMatchObject({
    'gen_ai.tool.call.id': stumbled?.id,
    'plait.call.attempts': 3,
  });
  expect(attributesOf(spans(), 'invoke_agent lead')).toMatchObject({
    'gen_ai.usage.input_tokens': result.usage.input_tokens,
    'plait.turn.id': turn.turnId,
    'plait.turn.rounds': 3,
  });
  // The SDK's own span, with what it could not see.
  const [chat] = spans().filter(({ name }) => name.startsWith('chat'));
  expect(chat?.instrumentationScope.name).toBe('com.anthropic.sdk.typescript');
  expect(chat?.attributes).toMatchObject({
    'gen_ai.request.stream': true,
    'gen_ai.response.finish_reasons': [expect.any(String)],
    'http.response.status_code': 200,
  });
  // The request names the span, so that a gateway can go on from there.
  const named = plait.model.requests.map(({ headers }) => headers['traceparent']);
  expect(named).toContain(`00-${chat?.spanContext().traceId}-${chat?.spanContext().spanId}-01`);
  expect(JSON.stringify(spans().map(({ attributes, status }) => [attributes, status]))).not.toMatch(
    /secret/i,
  );
});

test.concurrent('each message to a session is a trace, a long turn is one trace, and a sub-agent with a memory is within its call', async () => {
  const { traces, tracer, spans } = tracesInMemory();
  const look = reader('look', () => 'seen');
  const memory = newSessionId();
  const keeper = agentNamed('keeper', [look]);
  const host = agentWith([look, ask(keeper, { session: () => memory })], { historyEvents: 40 });
  await using plait = await startPlait({
    agents: [host],
    traces,
    script: script(
      conversation('remember', [callTools({ look: {} }), say('Done.')]),
      conversation('first', [
        ...Array.from({ length: 6 }, () => callTools({ look: {} })),
        callTools({ keeper: { prompt: 'remember' } }),
        say('One.'),
      ]),
      conversation('second', [fault.badRequest('a secret')]),
    ),
  });
  const session = plait.agents.openSession(host, newSessionId());
  const first = await session.send('first');
  const { rounds } = await first.result();
  const second = await tracer.startActiveSpan('POST /chat', async (span) => {
    try {
      return await session.send('second');
    } finally {
      span.end();
    }
  });
  await expect(second.result()).rejects.toThrow();

  const history = await plait.agents.client.workflow.getHandle(first.turnId).describe();
  expect(history.raw.workflowExecutionInfo?.firstRunId).not.toBe(history.runId);
  expect(rounds).toBe(8);
  expect(treeOf(spans())).toEqual([
    'POST /chat',
    '  send_message tester',
    '    invoke_agent tester',
    'send_message tester',
    '  invoke_agent tester',
    ...Array.from({ length: 8 }, () => '    chat claude-opus-5-5'),
    '    execute_tool keeper',
    '      invoke_agent keeper',
    '        chat claude-opus-5-5',
    '        chat claude-opus-5-5',
    '        execute_tool look',
    ...Array.from({ length: 6 }, () => '    execute_tool look'),
  ]);
  const failed = spans().find(({ status }) => status.message === 'plait.ModelCallFailed');
  expect(failed).toMatchObject({
    name: 'invoke_agent tester',
    attributes: {
      'error.type': 'plait.ModelCallFailed',
      'gen_ai.conversation.id': session.sessionId,
    },
  });
  await session.close();
});

test.concurrent('with captureContent, spans get what was said from the history once the turn is over, without credentials', async () => {
  const { traces, spans } = tracesInMemory({ captureContent: true, maxContentBytes: 20_000 });
  const secret = 'sk-ant-planted-0123456789';
  const look = reader('look', () => 'seen '.repeat(2_500));
  const agent = agentWith([look], { system: 'Look twice.', historyEvents: 20 });
  const storage = directoryStorage(join(inject('scratch'), 'traced-content'));
  await using plait = await startPlait({
    agents: [agent],
    traces,
    storage,
    script: conversation(`My key is ${secret}.`, [
      ...['first', 'second', 'third', 'fourth'].map((word) => callTools({ look: { word } })),
      say('Done.'),
    ]),
  });
  const turn = await plait.agents.start(agent, `My key is ${secret}.`);
  await turn.result();

  // It has continued as new, so several runs have written what was said in them.
  const history = await plait.agents.client.workflow.getHandle(turn.turnId).describe();
  expect(history.raw.workflowExecutionInfo?.firstRunId).not.toBe(history.runId);
  const inOrder = (name: string) =>
    spans()
      .filter((span) => span.name.startsWith(name))
      .toSorted((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1])
      .map(({ attributes }) => attributes);
  const chats = inOrder('chat');
  expect(chats).toHaveLength(5);
  expect(chats[0]).toMatchObject({
    'gen_ai.system_instructions': expect.stringContaining('"content":"Look twice.') as string,
    'gen_ai.input.messages':
      '[{"role":"user","parts":[{"type":"text","content":"My key is ***."}]}]',
    'gen_ai.output.messages': expect.stringMatching(/"name":"look".*"word":"first"/) as string,
  });
  // What the segments hold is in it as far as there is room.
  expect(chats[1]?.['gen_ai.input.messages']).toMatch(/My key is .*seen seen/);
  expect(chats[4]?.['gen_ai.output.messages']).toMatch(/"content":"Done\."/);
  expect(chats[4]).toMatchObject({ 'anthropic.content.truncated': true });
  const calls = inOrder('execute_tool');
  expect(calls.map((call) => call['gen_ai.tool.call.arguments'])).toEqual(
    ['first', 'second', 'third', 'fourth'].map((word) => JSON.stringify({ word })),
  );
  for (const call of calls) expect(call['gen_ai.tool.call.result']).toMatch(/seen seen/);
  expect(JSON.stringify(spans().map(({ attributes }) => attributes))).not.toContain('planted');
});

test.concurrent('a collector gets each span once, although workers are killed on the way', async () => {
  await using collector = await startOtlpReceiver();
  const asking = new Stage();
  await using processes = await workerProcesses(
    conversation('go', [
      callTools([
        ['look', { ms: 600_000 }],
        ['pay', { ms: 600_000 }],
        ['glance', {}],
        ['look', { ms: 0 }],
      ]),
      asking.holds(
        callTools([
          ['look', { ms: 0 }],
          ['invented', {}],
        ]),
      ),
      say('I go on.'),
    ]),
    { traces: collector.url },
  );
  const { agents, start, killOldest } = processes;
  await start();
  const turn = await agents.start('tester', 'go');
  await until(
    () => turn.describe(),
    ({ pendingCalls }) => pendingCalls.length === 2,
  );
  // In the middle of a batch, of a reply, and of an export.
  await killOldest();
  await start();
  await asking.reached.promise;
  await killOldest();
  asking.over();
  const exported = deferred<void>();
  collector.hold(exported.promise);
  await start();
  await until(() => collector.exports.length > 0);
  expect(collector.exports).toHaveLength(1);
  // At once: the worker waits only some seconds for an answer.
  await killOldest();
  exported.resolve();
  await start();
  const result = await turn.result();

  // The export that was under way comes once more, with the same ids.
  const [first, again, ...others] = collector.exports;
  expect(others).toEqual([]);
  expect(ids(again)).toEqual(ids(first));
  expect(new Set(ids(again)).size).toBe(again?.length);
  expect(names(again)).toEqual(
    [
      'invoke_agent tester',
      ...Array.from({ length: result.rounds }, () => 'chat claude-opus-5-5'),
      ...result.calls.map(({ name }) => `execute_tool ${name}`),
    ].toSorted(),
  );
  const [whole] = again?.filter(({ name }) => name.startsWith('invoke_agent')) ?? [];
  expect(again?.every((span) => span === whole || span.parentSpanId === whole?.spanId)).toBe(true);
  const calls = result.calls.map(({ start, end }) => [Date.parse(start), Date.parse(end)].flat());
  const begun = Number(BigInt(whole?.startTimeUnixNano ?? 0) / 1_000_000n);
  expect(Math.min(...calls.flat())).toBeGreaterThanOrEqual(begun);
});

test.concurrent('plait worker writes the traces of a module that exports them', async () => {
  await using collector = await startOtlpReceiver();
  await using model = await startMessagesServer({
    script: conversation('go', [callTools({ look: {} }), say('Done.')]),
  });
  const taskQueue = `traces-${randomUUID()}`;
  const address = inject('temporalAddress');
  const module = join(inject('compiled'), 'test/fixtures/traced-agents.js');
  const worker = startPlaitProcess(['worker', module, '--task-queue', taskQueue], {
    env: {
      TEMPORAL_ADDRESS: address,
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'test',
      TEST_TRACES: collector.url,
    },
  });
  try {
    expect(await worker.says('Ready.')).toMatch(/traces +by OpenTelemetry/);
    const connection = await Connection.connect(withDefaults({ address }));
    const agents = new AgentClient({ client: new Client({ connection }), taskQueue });
    await agents.execute('tracer', 'go');
    await connection.close();
    expect(names(collector.spans())).toEqual([
      'chat claude-opus-5-5',
      'chat claude-opus-5-5',
      'execute_tool look',
      'invoke_agent tracer',
    ]);
  } finally {
    worker.interrupt();
    await worker.ended;
  }
});

const ids = (spans: readonly ReceivedSpan[] = []) =>
  spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`).toSorted();
const names = (spans: readonly ReceivedSpan[] = []) => spans.map(({ name }) => name).toSorted();

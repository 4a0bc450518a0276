import { expect, onTestFinished, test } from 'vitest';
import { DecisionRejectedError } from '../../client/index.ts';
import { isRecord } from '../../core/json.ts';
import { mcpServer } from '../../mcp/index.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import type { McpCallContext, McpServerScript } from '../../testing/mcp-server.ts';
import { startMcpServer } from '../../testing/mcp-server.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script as scriptOf } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { eventsOf } from '../fixtures/history.ts';
import { startPlait } from '../fixtures/plait.ts';
import { putQuestions } from '../docs/answer.ts';
import { agentNamed, ask } from '../fixtures/sub-agents.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { insist, until } from '../fixtures/until.ts';
import { answers } from '../fixtures/waiting-turns.ts';

const form = (message: string, properties: object, required: string[] = []) => ({
  method: 'elicitation/create',
  params: { mode: 'form', message, requestedSchema: { type: 'object', properties, required } },
});
const asking = (inputRequests: object, requestState?: string) => ({
  resultType: 'input_required',
  inputRequests,
  requestState,
});

const SEATS = { seats: { type: 'integer', minimum: 1 }, note: { type: 'string', default: 'none' } };

/** Asks how many seats, and then whether it is sure. */
function book({ trip }: Record<string, unknown>, { answers: given, state }: McpCallContext) {
  if (state === undefined) return asking({ how: form('How many?', SEATS, ['seats']) }, 'first');
  const content = isRecord(given['how']) ? given['how']['content'] : undefined;
  if (state === 'first') {
    return asking({ sure: form('Sure?', {}) }, JSON.stringify(content));
  }
  const { action } = given['sure'] as { action: string };
  return `${String(trip)} ${state} ${action}`;
}

async function desk(tools: McpServerScript['tools'], options = {}) {
  const server = await startMcpServer({ tools });
  onTestFinished(() => server.close().catch(() => undefined));
  const { transport } = server;
  return { server, tools: [mcpServer({ name: 'desk', transport, ...options })] };
}

test("a server's question in the middle of a call waits for a person, a wrong answer loses nothing, and the call goes on with the right one", async () => {
  const { server, tools } = await desk({ book: { run: book } });
  const agent = agentWith([...tools, reader('look', () => 'looked')]);
  const script = conversation('go', [
    callTools([
      ['desk__book', { trip: 'Rome' }],
      ['look', {}],
    ]),
    say('Done.'),
  ]);
  // Every step is taken from history: nothing is kept in a worker while a person thinks.
  await using plait = await startPlait({ agents: [agent], script, maxCachedWorkflows: 0 });
  const turn = await plait.agents.start(agent, 'go');
  const [first] = await waitingCalls(turn, 1);
  const { callId = '' } = first ?? {};
  expect(first).toMatchObject({
    tool: 'desk__book',
    input: { trip: 'Rome' },
    question: { number: 1, type: 'form', server: 'desk', message: 'How many?' },
  });
  await until(async () => (await turn.describe()).waitingCalls.length === 1);
  expect((await turn.describe()).waitingCalls).toMatchObject([
    { name: 'desk__book', message: 'waits for an answer: How many?' },
  ]);

  const ada = { by: 'ada', question: 1 };
  const problems = [
    [{ by: 'ada' }, /waits for the answer to question 1 of the server desk, and not for approval/],
    [{ by: 'ada', question: 2 }, /and not to question 2/],
    [ada, /answer lacks seats; the question has seats \(a whole number of at least 1\)/],
    [{ ...ada, answer: { seats: 0 } }, /answer\.seats must be a whole number of at least 1/],
    [{ ...ada, answer: { seats: 2, row: 3 } }, /answer has the unknown field row/],
    [{ ...ada, input: { trip: 'Oslo' } }, /has begun, so its input is what it is/],
  ] as const;
  for (const [decision, problem] of problems) {
    await expect(turn.approve(callId, decision)).rejects.toThrow(problem);
  }
  expect(server.calls).toHaveLength(1);
  await putQuestions(turn, 'ada', () => Promise.resolve({ seats: 2 }));
  // The answer to it was lost: the same again changes nothing.
  await turn.approve(callId, { ...ada, answer: { seats: 2 } });

  await until(async () => (await turn.approvals())[0]?.question?.number === 2);
  const late = turn.approve(callId, { ...ada, answer: { seats: 3 } });
  await expect(late).rejects.toThrow(DecisionRejectedError);
  await turn.deny(callId, { by: 'bob', question: 2, reason: 'too dear' });
  const result = await turn.result();

  expectTurn(result).answeredEveryCall();
  const [booked] = answers(result);
  expect(booked?.text).toBe(
    'A person declined to answer what the server desk asked in the middle of this call: too dear\n\nRome {"note":"none","seats":2} decline',
  );
  const at = expect.any(String) as string;
  expect(result.calls[0]).toMatchObject({
    outcome: 'succeeded',
    attempts: 3,
    questions: [
      { number: 1, message: 'How many?', decision: 'answered', by: 'ada', askedAt: at, at },
      {
        number: 2,
        message: 'Sure?',
        decision: 'declined',
        by: 'bob',
        reason: 'too dear',
        askedAt: at,
        at,
      },
    ],
  });
  const keys = server.calls.map(({ meta }) => meta['io.github.plait-agents/idempotencyKey']);
  expect(new Set(keys).size).toBe(3);
  const scheduled = await eventsOf(turn, 'activityTaskScheduledEventAttributes');
  expect(scheduled.filter((one) => one.id === callId)).toHaveLength(3);
});

test('questions that come together are asked one after another, each decision is verified, and the server learns of a dismissal', async () => {
  const site = { mode: 'url', message: 'Sign in.', url: 'https://desk.example/in' };
  const { server, tools } = await desk({
    open: {
      run: (_input, { answers: given, state }) =>
        state === undefined
          ? asking(
              {
                site: { method: 'elicitation/create', params: site },
                why: form('Why?', { why: { type: 'string' } }),
              },
              'state',
            )
          : JSON.stringify(given),
    },
  });
  const announced: unknown[] = [];
  const asked: unknown[] = [];
  const agent = agentWith(tools, {
    onApproval: ({ question }) => void announced.push(question?.number),
  });
  const script = conversation('go', [callTools({ desk__open: {} }), say('Done.')]);
  await using plait = await startPlait({
    agents: [agent],
    script,
    authorizeDecision: ({ by, question, answer, decision }) => {
      asked.push([by, question?.message, decision, answer]);
      return by === 'mallory' ? 'mallory may not' : true;
    },
  });
  const turn = await plait.agents.start(agent, 'go');
  const [first] = await waitingCalls(turn, 1);
  const { callId = '' } = first ?? {};
  expect(first?.question).toMatchObject({ type: 'url', url: site.url, number: 1 });
  const byMallory = turn.approve(callId, { by: 'mallory', question: 1 });
  await expect(byMallory).rejects.toThrow('mallory may not');
  const answered = turn.approve(callId, { by: 'ada', question: 1, answer: { a: 1 } });
  await expect(answered).rejects.toThrow('this question is answered at its URL');
  await turn.approve(callId, { by: 'ada', question: 1 });
  expect(server.calls).toHaveLength(1);
  expect((await turn.approvals())[0]?.question).toMatchObject({ message: 'Why?', number: 2 });
  await turn.deny(callId, { by: 'ada', question: 2, dismiss: true });
  const result = await turn.result();

  expect(answers(result)[0]?.text).toMatch(
    /asked in the middle of this call\n\n\{"site":\{"action":"accept"\},"why":\{"action":"cancel"\}\}$/,
  );
  expect(result.calls[0]?.questions?.map(({ decision }) => decision)).toEqual([
    'answered',
    'dismissed',
  ]);
  await until(() => announced.length === 2);
  expect(announced).toEqual([1, 2]);
  expect(asked).toContainEqual(['mallory', 'Sign in.', 'approved', undefined]);
  expect(asked.slice(-2)).toEqual([
    ['ada', 'Sign in.', 'approved', undefined],
    ['ada', 'Why?', 'denied', undefined],
  ]);
});

test('a question that nobody answers in time, one to a model, and one of a cancelled turn end their calls', async () => {
  const annotations = { readOnlyHint: true };
  const sampling = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } };
  const { server, tools } = await desk(
    {
      soon: { annotations, run: () => asking({ a: form('Now?', {}) }, 'state') },
      long: { annotations, run: () => asking({ a: form('Ever?', {}) }, 'state') },
      model: { annotations, run: () => asking({ a: sampling }, 'state') },
    },
    { tools: { soon: { approvalTimeout: 300 } } },
  );
  const announced = new Set<string>();
  const agent = agentWith(tools, { onApproval: ({ tool }) => void announced.add(tool) });
  const calls = { desk__soon: {}, desk__long: {}, desk__model: {} };
  const script = conversation('go', [callTools(calls), say('Done.')]);
  await using plait = await startPlait({ agents: [agent], script });
  const turn = await plait.agents.start(agent, 'go');
  // Both were asked, no call runs any more, and the workflow has seen that.
  await until(async () => {
    if (announced.size < 2 || server.calls.length < 3) return false;
    if ((await turn.describe()).pendingCalls.length > 0) return false;
    const waiting = await turn.approvals();
    return waiting.length === 1 && waiting[0]?.tool === 'desk__long';
  });
  await turn.cancel();
  const result = await turn.result();

  expect(result.stopReason).toBe('cancelled');
  expectTurn(result)
    .answeredEveryCall()
    .outcome('desk__soon', 'denied', 'nobody answered within 300 ms')
    .outcome('desk__long', 'cancelled')
    .outcome('desk__model', 'failed');
  expect(server.calls).toHaveLength(3);
});

test("a server's question inside a sub-agent is shown at the calling turn, and answered there", async () => {
  const { server, tools } = await desk({ book: { run: book } });
  const lead = agentNamed('lead', [ask(agentNamed('clerk', tools))]);
  const script = scriptOf(
    conversation('go', [callTools([['clerk', { prompt: 'a trip' }, 'toolu_clerk']]), say('Done.')]),
    conversation('a trip', [callTools({ desk__book: { trip: 'Rome' } }), say('Booked.')]),
  );
  await using plait = await startPlait({ agents: [lead], script });
  const turn = await plait.agents.start(lead, 'go');
  const [first] = await waitingCalls(turn, 1);
  expect(first).toMatchObject({
    tool: 'desk__book',
    question: { number: 1, server: 'desk', message: 'How many?' },
    subAgent: { path: ['lead', 'clerk'], callId: 'toolu_clerk' },
  });
  const callId = first?.callId ?? '';
  const seats = { by: 'ada', question: 1, answer: { seats: 2 } };
  await insist(() => turn.approve(callId, seats));
  await until(async () => (await insist(() => turn.approvals()))[0]?.question?.number === 2);
  await insist(() => turn.deny(callId, { by: 'bob', question: 2 }));
  const result = await turn.result();

  expect(result).toMatchObject({ text: 'Done.', calls: [{ outcome: 'succeeded' }] });
  const inside = await plait.agents.getTurn(first?.subAgent?.turnId ?? '').result();
  expect(inside.calls).toMatchObject([
    { outcome: 'succeeded', questions: [{ by: 'ada' }, { by: 'bob', decision: 'declined' }] },
  ]);
  expect(server.calls).toHaveLength(3);
});

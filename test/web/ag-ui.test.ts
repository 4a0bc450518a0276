import { HttpAgent } from '@ag-ui/client';
import { EventSchemas } from '@ag-ui/core/schemas';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TurnStreamEvent } from '../../client/index.ts';
import type { AgUiEvent, AgUiMessage } from '../../web/ag-ui.ts';
import { agUiMessages, runBegun, runEnded, runEvents, runWith } from '../../web/ag-ui.ts';
import type { MessageChunk } from '../../web/chunk.ts';
import type { Draft } from '../../web/draft.ts';
import { begun, paused, written } from '../../web/draft.ts';
import { restOf } from '../../web/rest.ts';
import {
  committed,
  eventsOf,
  modelReply,
  paid,
  replayed,
  SECRET,
  turnPlan,
  waiting,
} from './stream-events.ts';

const shown = { asks: true, inputs: true, outputs: true };
const ids = { threadId: 'chat-1', runId: 'run-1' };

interface Placed {
  chunk: MessageChunk;
  draft: Draft;
}

/** All chunks of these events, each with what the page has then. */
function placed(events: readonly TurnStreamEvent[]): Placed[] {
  let { draft, chunks } = begun('turn-1');
  const all: Placed[] = [];
  const add = () => all.push(...chunks.map((chunk) => ({ chunk, draft })));
  add();
  for (const event of events) {
    ({ draft, chunks } = written(draft, event, shown));
    add();
  }
  return all;
}

/** One run of AG-UI. */
function runOf(all: readonly Placed[], messages: readonly AgUiMessage[] = []): AgUiEvent[] {
  let { run, events } = runBegun(ids, messages);
  const sent = [...events];
  for (const { chunk, draft } of all) {
    ({ run, events } = runEvents(run, chunk, draft));
    sent.push(...events);
  }
  return sent;
}

const pausedAfter = (events: readonly TurnStreamEvent[]): Placed[] => {
  const all = placed(events);
  const { draft } = all.at(-1) as Placed;
  return [...all, ...paused(draft).chunks.map((chunk) => ({ chunk, draft }))];
};

/** A front end: what it sends is answered with these events, one run after another. */
function frontEnd(...runs: AgUiEvent[][]) {
  const agent = new HttpAgent({
    url: 'http://desk/api/chat',
    threadId: 'chat-1',
    fetch: () => {
      const text = (runs.shift() ?? [])
        .map((event) => `data: ${JSON.stringify(event)}\n\n`)
        .join('');
      return Promise.resolve(
        new Response(text, { headers: { 'content-type': 'text/event-stream' } }),
      );
    },
  });
  const errors: string[] = [];
  return {
    agent,
    errors,
    run: () =>
      agent.runAgent({}, { onRunErrorEvent: ({ event }) => void errors.push(event.message) }),
  };
}

const answer: TurnStreamEvent = {
  type: 'replyCommitted',
  round: 2,
  reply: modelReply([], 'end_turn'),
};
const say = (round: number, text: string): TurnStreamEvent => ({
  type: 'textDelta',
  round,
  block: 0,
  text,
});
const end: TurnStreamEvent = { type: 'turnEnded', status: 'completed', stopReason: 'end_turn' };

const interrupt = {
  id: 'turn-1/1/toolu_1',
  reason: 'tool_call',
  message: 'May pay run?',
  toolCallId: 'toolu_1',
  responseSchema: {
    type: 'object',
    properties: { approved: { type: 'boolean' }, reason: { type: 'string' } },
    required: ['approved'],
  },
};

test('a turn is a run: a step for each round, texts, calls with their results, and its end', () => {
  const events = runOf(placed([say(1, 'I pay.'), committed, paid, say(2, 'Done.'), answer, end]));
  expect(events).toEqual([
    { type: 'RUN_STARTED', ...ids },
    { type: 'STEP_STARTED', stepName: 'round 1' },
    { type: 'TEXT_MESSAGE_START', messageId: 'turn-1/1.0', role: 'assistant' },
    { type: 'TEXT_MESSAGE_CONTENT', messageId: 'turn-1/1.0', delta: 'I pay.' },
    { type: 'TEXT_MESSAGE_END', messageId: 'turn-1/1.0' },
    {
      type: 'TOOL_CALL_START',
      toolCallId: 'toolu_1',
      toolCallName: 'pay',
      parentMessageId: 'turn-1/1.0',
    },
    { type: 'TOOL_CALL_ARGS', toolCallId: 'toolu_1', delta: '{"cents":5}' },
    { type: 'TOOL_CALL_END', toolCallId: 'toolu_1' },
    {
      type: 'TOOL_CALL_RESULT',
      messageId: 'result-toolu_1',
      toolCallId: 'toolu_1',
      content: '{"receipt":7}',
      role: 'tool',
    },
    { type: 'STEP_FINISHED', stepName: 'round 1' },
    { type: 'STEP_STARTED', stepName: 'round 2' },
    { type: 'TEXT_MESSAGE_START', messageId: 'turn-1/2.0', role: 'assistant' },
    { type: 'TEXT_MESSAGE_CONTENT', messageId: 'turn-1/2.0', delta: 'Done.' },
    { type: 'TEXT_MESSAGE_END', messageId: 'turn-1/2.0' },
    { type: 'STEP_FINISHED', stepName: 'round 2' },
    {
      type: 'RUN_FINISHED',
      ...ids,
      outcome: { type: 'success' },
      result: { stopReason: 'end_turn' },
    },
  ]);
});

test.each<[string, TurnStreamEvent, object]>([
  [
    'was cancelled',
    { type: 'turnEnded', status: 'completed', stopReason: 'cancelled' },
    {
      type: 'RUN_FINISHED',
      ...ids,
      outcome: { type: 'cancelled' },
      result: { stopReason: 'cancelled' },
    },
  ],
  [
    'ended without an answer',
    { type: 'turnEnded', status: 'completed', stopReason: 'tool_failure' },
    { type: 'RUN_ERROR', message: 'The agent could not answer.', code: 'tool_failure' },
  ],
  [
    'failed',
    { type: 'turnEnded', status: 'failed', message: SECRET },
    { type: 'RUN_ERROR', message: 'The agent could not answer.' },
  ],
])('a turn that %s says so once', (_, event, last) => {
  expect(runOf(placed([event])).slice(1)).toEqual([last]);
});

describe('a call that waits for a person', () => {
  const first = [say(1, 'I pay.'), committed, waiting];

  test('ends the run with an interrupt, and its answer continues in another run', async () => {
    const rest = placed([...first, paid, say(2, 'Done.'), answer, end]).flatMap(
      ({ chunk, draft }) =>
        restOf(chunk, draft.round, { type: 'whole step', round: 1 }).map((one) => ({
          chunk: one,
          draft,
        })),
    );
    const before = runOf(pausedAfter(first));
    expect(before.at(-1)).toEqual({
      type: 'RUN_FINISHED',
      ...ids,
      outcome: { type: 'interrupt', interrupts: [interrupt] },
    });
    const page = frontEnd(before, runOf(rest));
    await page.run();
    const { messages } = page.agent;
    await page.agent.runAgent({
      resume: [{ interruptId: interrupt.id, status: 'resolved', payload: { approved: true } }],
    });
    expect(messages).toHaveLength(1);
    expect(page.agent.messages).toMatchObject([
      { role: 'assistant', content: 'I pay.', toolCalls: [{ id: 'toolu_1' }] },
      { role: 'tool', toolCallId: 'toolu_1', content: '{"receipt":7}' },
      { role: 'assistant', content: 'Done.' },
    ]);
  });

  test('has its result once, however often it is sent', () => {
    const has: AgUiMessage[] = [{ id: 'r', role: 'tool', toolCallId: 'toolu_1', content: '7' }];
    const again = runOf(placed([committed, paid]), has);
    expect(again.filter(({ type }) => type === 'TOOL_CALL_RESULT')).toEqual([]);
  });
});

test('whatever a turn does, a front end of AG-UI can read it, and gets what was said and no more', async () => {
  await fc.assert(
    fc.asyncProperty(turnPlan, fc.boolean(), async (plan, isReplay) => {
      const events = runOf(placed(isReplay ? replayed(plan) : eventsOf(plan)));
      for (const event of events) expect(EventSchemas.safeParse(event).error).toBeUndefined();
      const page = frontEnd(events);
      await page.run();
      expect(page.errors).toEqual(
        plan.status === 'completed' ? [] : ['The agent could not answer.'],
      );
      const { messages } = page.agent;
      const said = (type: 'text' | 'thinking') =>
        plan.rounds
          .flatMap(({ blocks }) => blocks)
          .filter((block) => block.type === type)
          .map(({ pieces }) => pieces.join(''));
      const contents = (role: string) =>
        messages.flatMap((one) => (one.role === role && one.content ? [one.content] : []));
      expect(contents('assistant')).toEqual(said('text'));
      expect(contents('reasoning')).toEqual(said('thinking'));
      const calls = messages.flatMap((one) => (one.role === 'assistant' && one.toolCalls) || []);
      const count = plan.rounds.flatMap((round) => round.calls).length;
      expect(new Set(calls.map(({ id }) => id)).size).toBe(count);
      expect(messages.filter(({ role }) => role === 'tool')).toHaveLength(count);
      expect(JSON.stringify(events)).not.toContain('hunter2');
    }),
    { numRuns: 30 }, // the front end takes its time
  );
});

const text = (words: string) => ({ type: 'text', text: words, state: 'done' }) as const;

test('a front end that has nothing gets everything that was said', async () => {
  const { run, events } = runBegun(ids, []);
  const call = { type: 'dynamic-tool', toolName: 'look', providerExecuted: true } as const;
  const image = {
    type: 'file',
    mediaType: 'image/png',
    url: 'data:image/png;base64,aGk=',
  } as const;
  const whole = runWith(
    run,
    agUiMessages([
      { id: 'message-0', role: 'user', parts: [text('Hello.')] },
      {
        id: 'turn-1',
        role: 'assistant',
        parts: [
          { type: 'step-start' },
          { type: 'reasoning', text: 'Hm.', state: 'done' },
          text('I look.'),
          { ...call, toolCallId: 'a', input: {}, state: 'output-available', output: { n: 1 } },
          { ...call, toolCallId: 'b', input: {}, state: 'output-error', errorText: 'It failed.' },
          { type: 'step-start' },
          text('A dog.'),
        ],
      },
      { id: 'message-4', role: 'user', parts: [image, text('And this?')] },
    ]),
  );
  const all = [...events, ...whole.events, ...runEnded(whole.run).events];
  for (const event of all) expect(EventSchemas.safeParse(event).error).toBeUndefined();
  const page = frontEnd(all);
  // What it has of the same conversation, from a run before.
  page.agent.setMessages([
    { id: 'u1', role: 'user', content: 'Hello.' },
    { id: 'result-a', role: 'tool', toolCallId: 'a', content: '{"n":1}' },
  ]);
  await page.run();
  expect(page.agent.messages).toMatchObject([
    { role: 'user', content: 'Hello.' },
    { role: 'reasoning', content: 'Hm.' },
    { role: 'assistant', content: 'I look.', toolCalls: [{ id: 'a' }, { id: 'b' }] },
    { role: 'tool', toolCallId: 'a', content: '{"n":1}' },
    { role: 'tool', toolCallId: 'b', content: 'It failed.' },
    { role: 'assistant', content: 'A dog.' },
    {
      role: 'user',
      content: [
        { type: 'image', source: { type: 'data', value: 'aGk=', mimeType: 'image/png' } },
        { type: 'text', text: 'And this?' },
      ],
    },
  ]);
});

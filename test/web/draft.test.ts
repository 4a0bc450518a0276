import type { UIMessage, UIMessageChunk } from 'ai';
import { isTextUIPart, isToolUIPart, readUIMessageStream, uiMessageChunkSchema } from 'ai';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TurnStreamEvent } from '../../client/index.ts';
import type { MessageChunk } from '../../web/chunk.ts';
import type { Draft } from '../../web/draft.ts';
import { begun, paused, undecided, written } from '../../web/draft.ts';
import type { Seen } from '../../web/rest.ts';
import { restOf } from '../../web/rest.ts';
import {
  about,
  committed,
  eventsOf,
  finished,
  modelReply,
  paid,
  replayed,
  SECRET,
  turnPlan,
  use,
  waiting,
} from './stream-events.ts';

const shown = { asks: true, inputs: true, outputs: true };

interface Placed {
  chunk: MessageChunk;
  round: number;
}

/** All chunks of these events, each with the step that it belongs to. */
function placed(events: readonly TurnStreamEvent[], options = shown): Placed[] {
  let { draft, chunks } = begun('turn-1');
  const all: Placed[] = [];
  const add = () => all.push(...chunks.map((chunk) => ({ chunk, round: draft.round })));
  add();
  for (const event of events) {
    ({ draft, chunks } = written(draft, event, options));
    add();
  }
  return all;
}

const chunksOf = (events: readonly TurnStreamEvent[], options = shown) =>
  placed(events, options).map(({ chunk }) => chunk);

function draftAfter(events: readonly TurnStreamEvent[]): Draft {
  return events.reduce((draft, event) => written(draft, event, shown).draft, begun('turn-1').draft);
}

/** The message that the AI SDK makes of the chunks, and the errors that it finds in them. */
async function messageOf(chunks: readonly MessageChunk[]) {
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const errors: unknown[] = [];
  let message: UIMessage | undefined;
  const onError = (error: unknown) => errors.push(error);
  for await (const one of readUIMessageStream({ stream, onError })) message = one;
  return { parts: message?.parts ?? [], id: message?.id, errors: errors.map(String) };
}

const scheduled: TurnStreamEvent = { type: 'callScheduled', ...about, summary: 'cents: 5' };
const approval = { decision: 'denied', by: 'ada', at: '2026-01-01T00:00:00Z' } as const;

const tool = { toolCallId: 'toolu_1', toolName: 'pay', dynamic: true, providerExecuted: true };
const input = { type: 'tool-input-available', ...tool, input: { cents: 5 } };
const approvalId = 'turn-1/1/toolu_1';
const request = { type: 'tool-approval-request', toolCallId: 'toolu_1', approvalId };

describe('an event adds', () => {
  test.each<[string, TurnStreamEvent[], object[]]>([
    [
      'a text in pieces, and ends it when another block begins',
      [
        { type: 'textDelta', round: 1, block: 0, text: 'a' },
        { type: 'textDelta', round: 1, block: 0, text: 'b' },
        { type: 'thinkingDelta', round: 1, block: 1, thinking: 'c' },
      ],
      [
        { type: 'start-step' },
        { type: 'text-start', id: '1.0' },
        { type: 'text-delta', id: '1.0', delta: 'a' },
        { type: 'text-delta', id: '1.0', delta: 'b' },
        { type: 'text-end', id: '1.0' },
        { type: 'reasoning-start', id: '1.1' },
        { type: 'reasoning-delta', id: '1.1', delta: 'c' },
      ],
    ],
    [
      'a call from its first character to its result',
      [
        { type: 'callForming', ...about, inputLength: 1 },
        { type: 'callForming', ...about, inputLength: 9 },
        committed,
        scheduled,
        paid,
      ],
      [
        { type: 'start-step' },
        { type: 'tool-input-start', ...tool },
        input,
        { type: 'tool-output-available', toolCallId: 'toolu_1', output: { receipt: 7 } },
      ],
    ],
    [
      'a question to the page, and its answer',
      [committed, waiting, scheduled],
      [
        { type: 'start-step' },
        input,
        request,
        { type: 'tool-approval-response', approvalId, approved: true },
      ],
    ],
    [
      'a denial',
      [committed, waiting, { type: 'callFinished', ...about, outcome: 'denied', approval }],
      [
        { type: 'start-step' },
        input,
        request,
        { type: 'tool-approval-response', approvalId, approved: false },
        { type: 'tool-output-denied', toolCallId: 'toolu_1' },
      ],
    ],
    [
      'why a call has failed, in our words',
      [committed, { type: 'callFinished', ...about, outcome: 'failed', message: SECRET }],
      [
        { type: 'start-step' },
        input,
        { type: 'tool-output-error', toolCallId: 'toolu_1', errorText: 'The call failed.' },
      ],
    ],
    [
      'that a reply is asked for again',
      [
        { type: 'textDelta', round: 1, block: 0, text: 'a' },
        { type: 'attemptRestarted', round: 1, attempt: 2 },
      ],
      [
        { type: 'start-step' },
        { type: 'text-start', id: '1.0' },
        { type: 'text-delta', id: '1.0', delta: 'a' },
        { type: 'text-end', id: '1.0' },
        { type: 'reset-step' },
      ],
    ],
    ['nothing where nothing is dropped', [{ type: 'attemptRestarted', round: 1, attempt: 2 }], []],
    ['nothing about how replies come', [{ type: 'notStreamed', round: 1, message: 'x' }], []],
    [
      'the end of a call that was cut off',
      [
        { type: 'callForming', ...about, inputLength: 1 },
        { type: 'replyCommitted', round: 1, reply: modelReply([], 'max_tokens') },
      ],
      [
        { type: 'start-step' },
        { type: 'tool-input-start', ...tool },
        { type: 'tool-input-error', ...tool, input: {}, errorText: 'The call was cut off.' },
      ],
    ],
    [
      'a call whose reply could not be read',
      [finished],
      [
        { type: 'start-step' },
        { ...input, input: {} },
        { type: 'tool-output-available', toolCallId: 'toolu_1', output: null },
      ],
    ],
    [
      'the end of the turn',
      [committed, finished, { type: 'turnEnded', status: 'completed', stopReason: 'max_rounds' }],
      [
        { type: 'start-step' },
        input,
        { type: 'tool-output-available', toolCallId: 'toolu_1', output: null },
        { type: 'finish-step' },
        {
          type: 'finish',
          finishReason: 'other',
          messageMetadata: { stopReason: 'max_rounds' },
        },
      ],
    ],
    [
      'the end of a turn without an answer, and drops what was never complete',
      [
        { type: 'textDelta', round: 1, block: 0, text: 'a' },
        { type: 'turnEnded', status: 'failed', message: SECRET },
      ],
      [
        { type: 'start-step' },
        { type: 'text-start', id: '1.0' },
        { type: 'text-delta', id: '1.0', delta: 'a' },
        { type: 'text-end', id: '1.0' },
        { type: 'reset-step' },
        { type: 'finish-step' },
        { type: 'error', errorText: 'The agent could not answer.' },
        { type: 'finish', finishReason: 'error' },
      ],
    ],
  ])('%s', (_, events, chunks) => {
    expect(chunksOf(events).slice(1)).toEqual(chunks);
  });

  test('no question for a page that may not decide, and nothing of a call for one that may not see it', () => {
    const quiet = chunksOf([committed, waiting, paid], {
      asks: false,
      inputs: false,
      outputs: false,
    });
    expect(quiet).toEqual([
      { type: 'start', messageId: 'turn-1' },
      { type: 'start-step' },
      { ...input, input: {} },
      { type: 'tool-output-available', toolCallId: 'toolu_1', output: null },
    ]);
  });
});

test.each([
  ['end_turn', 'stop'],
  ['max_tokens', 'length'],
  ['refusal', 'content-filter'],
  ['tool_failure', 'error'],
  ['cancelled', 'other'],
] as const)('a turn that stops for %s finishes for %s', (stopReason, finishReason) => {
  const chunks = chunksOf([{ type: 'turnEnded', status: 'completed', stopReason }]);
  expect(chunks.at(-1)).toEqual({
    type: 'finish',
    finishReason,
    messageMetadata: { stopReason },
  });
});

test('a turn is held up if all of its open calls wait for the page', () => {
  const other = { ...about, callId: 'toolu_2' };
  const two = modelReply([use, { ...(use as object), id: 'toolu_2' } as never], 'tool_use');
  const both: TurnStreamEvent = { type: 'replyCommitted', round: 1, reply: two };
  expect(undecided(draftAfter([committed]))).toEqual([]);
  expect(undecided(draftAfter([committed, waiting]))).toEqual(['toolu_1']);
  expect(undecided(draftAfter([committed, waiting, scheduled]))).toEqual([]);
  expect(undecided(draftAfter([both, waiting]))).toEqual([]);
  const end: TurnStreamEvent = { type: 'callFinished', ...other, outcome: 'succeeded' };
  expect(undecided(draftAfter([both, waiting, end]))).toEqual(['toolu_1']);
});

test('when it pauses, the AI SDK has a message that waits for a decision', async () => {
  const draft = draftAfter([committed, waiting]);
  const chunks = [...chunksOf([committed, waiting]), ...paused(draft).chunks];
  expect(await messageOf(chunks)).toMatchObject({
    id: 'turn-1',
    parts: [{ type: 'step-start' }, { state: 'approval-requested', approval: { id: approvalId } }],
    errors: [],
  });
});

test('whatever a turn does, the AI SDK can read it, everything that begins ends, and nothing secret is in it', async () => {
  await fc.assert(
    fc.asyncProperty(turnPlan, async (plan) => {
      const chunks = chunksOf(eventsOf(plan));
      for (const chunk of chunks) {
        const { success } = (await uiMessageChunkSchema().validate?.(chunk)) ?? {};
        expect(success, JSON.stringify(chunk)).toBe(true);
      }
      const count = (type: MessageChunk['type']) =>
        chunks.filter((one) => one.type === type).length;
      expect(count('text-start')).toBe(count('text-end'));
      expect(count('reasoning-start')).toBe(count('reasoning-end'));
      expect(count('start-step')).toBe(count('finish-step'));
      const { parts, errors } = await messageOf(chunks);
      expect(errors).toEqual(
        plan.status === 'completed' ? [] : ['Error: The agent could not answer.'],
      );
      const texts = plan.rounds
        .flatMap(({ blocks }) => blocks)
        .filter(({ type }) => type === 'text')
        .map(({ pieces }) => pieces.join(''));
      expect(parts.filter(isTextUIPart).map(({ text }) => text)).toEqual(texts);
      const calls = parts.filter(isToolUIPart);
      expect(calls).toHaveLength(plan.rounds.flatMap((round) => round.calls).length);
      expect(calls.filter(({ state }) => !state.startsWith('output-'))).toEqual([]);
      expect(JSON.stringify(chunks)).not.toContain('hunter2');
    }),
  );
});

/** What a page shows. Where steps begin nobody sees. */
async function shownBy(chunks: readonly MessageChunk[]) {
  const { parts } = await messageOf(chunks);
  return parts.filter(({ type }) => type !== 'step-start');
}

describe('nothing is lost, and nothing comes twice', () => {
  test('for a page whose connection breaks at any point', async () => {
    await fc.assert(
      fc.asyncProperty(turnPlan, fc.nat(), async (plan, at) => {
        const all = placed(eventsOf(plan));
        const had = all.slice(0, 1 + (at % all.length));
        const round = had.findLast(({ chunk }) => chunk.type === 'start-step')?.round;
        const whole = await shownBy(all.map(({ chunk }) => chunk));
        const again = placed(replayed(plan));
        const seen: Seen | undefined =
          round === undefined ? undefined : { type: 'part of step', round };
        const rest = again.flatMap(({ chunk, round }) =>
          seen === undefined ? [chunk] : restOf(chunk, round, seen),
        );
        const got = await shownBy([...had.map(({ chunk }) => chunk), ...rest]);
        expect(got).toEqual(whole);
      }),
    );
  });

  test('for a page that goes on after its decision', async () => {
    await fc.assert(
      fc.asyncProperty(turnPlan, async (plan) => {
        const events = eventsOf(plan);
        const at = events.findLastIndex(({ type }) => type === 'callWaiting');
        fc.pre(at !== -1);
        const before = placed(events.slice(0, at + 1));
        const round = before.at(-1)?.round ?? 0;
        const rest = placed(replayed(plan)).flatMap(({ chunk, round: of }) =>
          restOf(chunk, of, { type: 'whole step', round }),
        );
        const got = await shownBy([...before.map(({ chunk }) => chunk), ...rest]);
        expect(got).toEqual(await shownBy(chunksOf(events)));
      }),
    );
  });
});

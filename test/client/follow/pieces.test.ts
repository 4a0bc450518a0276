import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventTranslator } from '../../../client/follow/event-translator.ts';
import type { TurnStreamEvent } from '../../../client/follow/stream-events.ts';
import type { ReplyBlock } from '../../../core/conversation/messages.ts';
import { textOf } from '../../../core/conversation/messages.ts';
import type { Reach, ReplyPiece } from '../../../core/conversation/partial-reply.ts';
import {
  partialAfter,
  partialEnd,
  pieceRequest,
  reachOf,
} from '../../../core/conversation/partial-reply.ts';
import { CALL_MODEL } from '../../../core/names.ts';
import { ended, scheduled, started } from './turn-events-fixture.ts';

const text = (value: string): ReplyBlock => ({ type: 'text', text: value, citations: null });

const asks = (at = 1_100) => scheduled('model.1', { at, type: CALL_MODEL });
const replies = (content: ReplyBlock[], at = 2_000) => {
  const reply = { content, stopReason: 'end_turn' };
  const result = { type: 'reply', reply, prepared: [], streamed: true };
  return ended('model.1', at, { type: 'completed', result });
};
const isAttempt = (attempt: number) =>
  ({ type: 'started', at: 1_150, key: 'model.1', attempt }) as const;

const piece = (value: string, about: { offset?: number; attempt?: number; at?: number } = {}) => {
  const { offset = 0, attempt = 1, at = 1_100 } = about;
  const blocks = [{ type: 'text', offset, text: value } as const];
  const request = pieceRequest('model.1', at);
  return { request, partial: { attempt, request: 1, from: 0, blocks } } satisfies ReplyPiece;
};

type Step = ReturnType<typeof asks> | ReplyPiece;

function told(...steps: Step[]): TurnStreamEvent[] {
  const translator = new EventTranslator('turn');
  translator.fromHistory(started);
  return steps.flatMap((step) =>
    'partial' in step ? translator.fromPiece(step) : translator.fromHistory(step),
  );
}

/** What a consumer sees, in short: a text for each piece of one, and the type of everything else. */
const short = (events: readonly TurnStreamEvent[]) =>
  events.map((event) => (event.type === 'textDelta' ? `+${event.text}` : event.type));

describe('pieces of a reply', () => {
  test.each<[string, Step[], string[]]>([
    [
      'come in their order, and the reply adds nothing to them',
      [asks(), piece('Hel'), piece('lo', { offset: 3 }), replies([text('Hello')])],
      ['+Hel', '+lo', 'replyCommitted'],
    ],
    [
      'count once, however often they arrive',
      [asks(), piece('Hel'), piece('Hel'), piece('Hello'), piece('lo', { offset: 3 })],
      ['+Hel', '+lo'],
    ],
    [
      'that come after a lost one wait for what makes up for it: an end of the reply',
      [asks(), piece('a'), piece('c', { offset: 2 }), piece('abc'), piece('d', { offset: 3 })],
      ['+a', '+bc', '+d'],
    ],
    [
      'that come after a lost one wait for what makes up for it: the committed reply',
      [asks(), piece('a'), piece('c', { offset: 2 }), replies([text('abcd')])],
      ['+a', '+bcd', 'replyCommitted'],
    ],
    [
      'come before history shows their request',
      [piece('Hel'), piece('lo', { offset: 3 }), asks(), replies([text('Hello!')])],
      ['+Hel', '+lo', '+!', 'replyCommitted'],
    ],
    [
      'of a torn attempt are dropped when the next attempt has its first',
      [
        asks(),
        piece('torn'),
        piece('new', { attempt: 2 }),
        piece('torn off'),
        isAttempt(2),
        replies([text('new')]),
      ],
      ['+torn', 'attemptRestarted', '+new', 'replyCommitted'],
    ],
    [
      'of a torn attempt are dropped by the reply of the next, even if it has the same text',
      [asks(), piece('Hel'), isAttempt(2), replies([text('Hello')])],
      ['+Hel', 'attemptRestarted', '+Hello', 'replyCommitted'],
    ],
    [
      'that come after the reply are ignored',
      [asks(), replies([text('Hello')]), piece('Hello, late')],
      ['+Hello', 'replyCommitted'],
    ],
    [
      'of another request of the same round are ignored: the same id, scheduled at another time',
      [asks(), piece('of the other', { at: 900 }), piece('ours'), replies([text('ours')])],
      ['+ours', 'replyCommitted'],
    ],
  ])('%s', (_, steps, expected) => {
    expect(short(told(...steps))).toEqual(expected);
  });

  test('are kept for a request that is not known yet, up to a limit', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => piece('x', { offset: i }));
    expect(short(told(...many, asks(), replies([text('x'.repeat(1_000))])))).toEqual([
      `+${'x'.repeat(1_000)}`,
      'replyCommitted',
    ]);
  });

  test('add up to exactly the committed reply, whatever a transport does to them', () => {
    const prose = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
    const attempts = fc.array(fc.array(prose, { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 3,
    });
    /** Of each piece: how often it arrives, how far it is held up, and whether it holds an end. */
    const fates = fc.array(fc.record({ copies: fc.nat(2), delay: fc.nat(3), end: fc.boolean() }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(attempts, fates, fc.nat(30), fc.nat(5), (texts, fate, committedAt, shownAt) => {
        const arriving: { at: number; piece: ReplyPiece }[] = [];
        let count = 0;
        for (const [i, blocks] of texts.entries()) {
          for (const each of piecesOf(blocks, i + 1, (n) => fate[n % fate.length]?.end === true)) {
            const { copies = 1, delay = 0 } = fate[count % fate.length] ?? {};
            for (let copy = 0; copy < copies; copy += 1) {
              arriving.push({ at: count + delay * (copy + 1), piece: each });
            }
            count += 1;
          }
        }
        const steps: Step[] = arriving.toSorted((a, b) => a.at - b.at).map((each) => each.piece);
        const whole = (texts.at(-1) ?? []).map(text);
        // History may be ahead of the pieces, or behind them.
        const at = Math.min(committedAt, steps.length);
        steps.splice(at, 0, isAttempt(texts.length), replies(whole));
        steps.splice(Math.min(shownAt, at), 0, asks());

        const events = told(...steps);

        let held = '';
        for (const event of events) {
          if (event.type === 'textDelta') held += event.text;
          if (event.type === 'attemptRestarted') held = '';
        }
        expect(held).toBe(textOf(whole));
        expect(events.at(-1)?.type).toBe('replyCommitted');
        const restarts = events.filter(({ type }) => type === 'attemptRestarted');
        expect(restarts.length).toBeLessThan(texts.length);
      }),
      { numRuns: 500 },
    );
  });
});

/** As a worker publishes a reply that grows by a few characters at a time. */
function piecesOf(
  blocks: readonly string[],
  attempt: number,
  holdsEnd: (count: number) => boolean,
): ReplyPiece[] {
  const pieces: ReplyPiece[] = [];
  let sent: Reach = { blocks: 0, length: 0 };
  for (let block = 0; block < blocks.length; block += 1) {
    const value = blocks[block] ?? '';
    for (let length = 1; length < value.length + 7; length += 7) {
      const content = [...blocks.slice(0, block), value.slice(0, length)].map(text);
      const end = partialEnd(content, () => 0, 200);
      const part = holdsEnd(pieces.length) ? end : partialAfter(end, sent);
      sent = reachOf(end);
      if (part === undefined) continue;
      const request = pieceRequest('model.1', 1_100);
      pieces.push({ request, partial: { attempt, request: 1, ...part } });
    }
  }
  return pieces;
}

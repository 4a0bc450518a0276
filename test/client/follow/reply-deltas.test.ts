import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplyDeltas } from '../../../client/follow/reply-deltas.ts';
import type { TurnStreamEvent } from '../../../client/follow/stream-events.ts';
import type { PartialReply } from '../../../core/conversation/partial-reply.ts';
import { partialEnd } from '../../../core/conversation/partial-reply.ts';
import type { ReplyBlock } from '../../../core/conversation/messages.ts';
import { textOf } from '../../../core/conversation/messages.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';

const text = (value: string): ReplyBlock => ({ type: 'text', text: value, citations: null });
const thinking = (value: string): ReplyBlock => ({
  type: 'thinking',
  thinking: value,
  signature: '',
});
const call = (id: string): ReplyBlock => ({
  type: 'tool_use',
  id,
  name: 'look',
  input: {},
  caller: { type: 'direct' },
});

function replyOf(content: ReplyBlock[], stopReason = 'end_turn'): ModelReply {
  return {
    id: 'msg_1',
    model: 'claude',
    content,
    stopReason,
    stopSequence: null,
    stopDetails: null,
    usage: NO_USAGE,
    requestId: null,
  };
}

function partialOf(
  content: ReplyBlock[],
  { attempt = 1, request = 1, characters = 1_000 } = {},
): PartialReply {
  return { attempt, request, ...partialEnd(content, () => 7, characters) };
}

/** What a consumer holds that follows the events. */
function kept(events: readonly TurnStreamEvent[]) {
  const held = { text: '', thinking: '', restarts: 0, calls: [] as string[] };
  for (const event of events) {
    if (event.type === 'textDelta') held.text += event.text;
    if (event.type === 'thinkingDelta') held.thinking += event.thinking;
    if (event.type === 'callForming') held.calls.push(event.callId);
    if (event.type === 'attemptRestarted') {
      Object.assign(held, { text: '', thinking: '', calls: [], restarts: held.restarts + 1 });
    }
  }
  return held;
}

describe('a growing reply', () => {
  test('comes in pieces, each once and in order', () => {
    const deltas = new ReplyDeltas(3);
    expect(deltas.add(partialOf([text('Hel')]))).toEqual([
      { type: 'textDelta', round: 3, block: 0, text: 'Hel' },
    ]);
    expect(deltas.add(partialOf([text('Hel')]))).toEqual([]);
    expect(deltas.add(partialOf([text('Hello'), call('toolu_1')]))).toEqual([
      { type: 'textDelta', round: 3, block: 0, text: 'lo' },
      { type: 'callForming', round: 3, callId: 'toolu_1', name: 'look', inputLength: 7 },
    ]);
    const reply = replyOf([text('Hello'), call('toolu_1')], 'tool_use');
    expect(deltas.commit(reply, 1)).toEqual([{ type: 'replyCommitted', round: 3, reply }]);
  });

  test('with a gap is completed by the committed reply', () => {
    const deltas = new ReplyDeltas(1);
    expect(deltas.add(partialOf([text('x'.repeat(200))], { characters: 100 }))).toEqual([]);
    const events = deltas.commit(replyOf([text('x'.repeat(300))]), 1);
    expect(kept(events)).toMatchObject({ text: 'x'.repeat(300), restarts: 0 });
  });

  test('never shows a block before the blocks in front of it', () => {
    const deltas = new ReplyDeltas(1);
    const content = [thinking('y'.repeat(100)), text('short')];
    expect(partialOf(content, { characters: 70 })).toMatchObject({ from: 1 });
    expect(deltas.add(partialOf(content, { characters: 70 }))).toEqual([]);
    expect(kept(deltas.commit(replyOf(content), 1))).toMatchObject({
      text: 'short',
      thinking: 'y'.repeat(100),
    });
  });

  test('restarts with a new attempt, says why, and ignores the rest of the old one', () => {
    const deltas = new ReplyDeltas(1);
    deltas.add(partialOf([text('torn')]));
    expect(deltas.startAttempt(2, 'Overloaded')).toEqual([
      { type: 'attemptRestarted', round: 1, attempt: 2, reason: 'Overloaded' },
    ]);
    expect(deltas.add(partialOf([text('torn off')]))).toEqual([]);
    expect(kept(deltas.add(partialOf([text('new')], { attempt: 2 }))).text).toBe('new');
  });

  test('restarts if a reply could not be used', () => {
    const deltas = new ReplyDeltas(1);
    deltas.add(partialOf([text('bad')]));
    const events = deltas.add(partialOf([text('good')], { request: 2 }));
    expect(events[0]).toMatchObject({ type: 'attemptRestarted', attempt: 1 });
    expect(kept(events).text).toBe('good');
    expect(deltas.add(partialOf([text('bad, late')]))).toEqual([]);
  });

  test('restarts if the committed reply shows that the earlier pieces belonged to a torn one', () => {
    for (const [torn, whole] of [
      [[text('Hello')], [text('Help')]],
      [[thinking('a'), text('b')], [thinking('ab')]],
      [[call('toolu_1')], [call('toolu_2')]],
    ]) {
      const deltas = new ReplyDeltas(1);
      deltas.add(partialOf(torn ?? []));
      const events = deltas.commit(replyOf(whole ?? [], 'tool_use'), 1);
      expect(events[0]).toMatchObject({ type: 'attemptRestarted' });
      expect(kept(events).text).toBe(textOf(whole ?? []));
    }
  });

  test('restarts if history knows of a later attempt, even if the text is the same', () => {
    const deltas = new ReplyDeltas(1);
    deltas.add(partialOf([text('Hel')]));
    const events = deltas.commit(replyOf([text('Hello')]), 2);
    expect(kept(events)).toMatchObject({ text: 'Hello', restarts: 1 });
  });

  test('does not restart if only a call was cut off', () => {
    const deltas = new ReplyDeltas(1);
    deltas.add(partialOf([text('I write.'), call('toolu_1')]));
    const reply = replyOf([text('I write.')], 'max_tokens');
    expect(deltas.commit(reply, 1)).toEqual([{ type: 'replyCommitted', round: 1, reply }]);
  });

  test('adds up to exactly the committed reply, whatever was read on the way', () => {
    const prose = fc.string({ unit: 'grapheme', maxLength: 80, size: 'max' });
    const block = fc.oneof(
      prose.map(text),
      prose.map(thinking),
      fc.constant<ReplyBlock>({ type: 'redacted_thinking', data: '' }),
    );
    const content = fc.array(block, { minLength: 1, maxLength: 5 });
    /** How far a reply has come at each reading: blocks, and code units of the last one. */
    const readings = fc.array(fc.tuple(fc.nat(5), fc.nat(250)), { maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(content, readings), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 61, max: 300 }),
        fc.boolean(),
        (requests, characters, ofOneAttempt) => {
          const deltas = new ReplyDeltas(1);
          const events: TurnStreamEvent[] = [];
          for (const [i, [blocks, seen]] of requests.entries()) {
            const at = ofOneAttempt ? { request: i + 1 } : { attempt: i + 1 };
            const inOrder = seen.toSorted(([a, x], [b, y]) => a - b || x - y);
            for (const [count, units] of inOrder) {
              const formed = begun(blocks, count, units);
              events.push(...deltas.add(partialOf(formed, { ...at, characters })));
            }
          }
          const whole = requests.at(-1)?.[0] ?? [];
          events.push(...deltas.commit(replyOf(whole), ofOneAttempt ? 1 : requests.length));
          const held = kept(events);
          expect(held.text).toBe(textOf(whole));
          expect(held.thinking).toBe(
            whole.map((each) => (each.type === 'thinking' ? each.thinking : '')).join(''),
          );
          expect(events.at(-1)?.type).toBe('replyCommitted');
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** So many whole blocks, and so many code units of the next one. */
function begun(blocks: readonly ReplyBlock[], count: number, units: number): ReplyBlock[] {
  const next = blocks[count];
  const formed = blocks.slice(0, count);
  if (next?.type === 'text') formed.push({ ...next, text: next.text.slice(0, units) });
  else if (next?.type === 'thinking') {
    formed.push({ ...next, thinking: next.thinking.slice(0, units) });
  } else if (next !== undefined) formed.push(next);
  return formed;
}

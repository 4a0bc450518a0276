import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplyReader } from '../../../client/follow/partial-reply.ts';
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

function formingOf(
  content: ReplyBlock[],
  { attempt = 1, request = 1, characters = 1_000 } = {},
): PartialReply {
  return { attempt, request, ...partialEnd(content, () => 7, characters) };
}

/** What a consumer holds that does as it is told. */
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

describe('a reader of a forming reply', () => {
  test('tells each piece once, in order', () => {
    const reader = new ReplyReader(3);
    expect(reader.read(formingOf([text('Hel')]))).toEqual([
      { type: 'textDelta', round: 3, block: 0, text: 'Hel' },
    ]);
    expect(reader.read(formingOf([text('Hel')]))).toEqual([]);
    expect(reader.read(formingOf([text('Hello'), call('toolu_1')]))).toEqual([
      { type: 'textDelta', round: 3, block: 0, text: 'lo' },
      { type: 'callForming', round: 3, callId: 'toolu_1', name: 'look', inputLength: 7 },
    ]);
    const reply = replyOf([text('Hello'), call('toolu_1')], 'tool_use');
    expect(reader.commit(reply, 1)).toEqual([{ type: 'replyCommitted', round: 3, reply }]);
  });

  test('waits for the committed reply where it has missed something', () => {
    const reader = new ReplyReader(1);
    expect(reader.read(formingOf([text('x'.repeat(200))], { characters: 100 }))).toEqual([]);
    const events = reader.commit(replyOf([text('x'.repeat(300))]), 1);
    expect(kept(events)).toMatchObject({ text: 'x'.repeat(300), restarts: 0 });
  });

  test('tells no block before those in front of it', () => {
    const reader = new ReplyReader(1);
    const content = [thinking('y'.repeat(100)), text('short')];
    expect(formingOf(content, { characters: 70 })).toMatchObject({ from: 1 });
    expect(reader.read(formingOf(content, { characters: 70 }))).toEqual([]);
    expect(kept(reader.commit(replyOf(content), 1))).toMatchObject({
      text: 'short',
      thinking: 'y'.repeat(100),
    });
  });

  test('says that a new attempt began, with the reason, and ignores what is left of the old one', () => {
    const reader = new ReplyReader(1);
    reader.read(formingOf([text('torn')]));
    expect(reader.reach(2, 'Overloaded')).toEqual([
      { type: 'attemptRestarted', round: 1, attempt: 2, reason: 'Overloaded' },
    ]);
    expect(reader.read(formingOf([text('torn off')]))).toEqual([]);
    expect(kept(reader.read(formingOf([text('new')], { attempt: 2 }))).text).toBe('new');
  });

  test('says that a reply could not be used', () => {
    const reader = new ReplyReader(1);
    reader.read(formingOf([text('bad')]));
    const events = reader.read(formingOf([text('good')], { request: 2 }));
    expect(events[0]).toMatchObject({ type: 'attemptRestarted', attempt: 1 });
    expect(kept(events).text).toBe('good');
    expect(reader.read(formingOf([text('bad, late')]))).toEqual([]);
  });

  test('notices with the committed reply that it has read a torn one', () => {
    for (const [torn, whole] of [
      [[text('Hello')], [text('Help')]],
      [[thinking('a'), text('b')], [thinking('ab')]],
      [[call('toolu_1')], [call('toolu_2')]],
    ]) {
      const reader = new ReplyReader(1);
      reader.read(formingOf(torn ?? []));
      const events = reader.commit(replyOf(whole ?? [], 'tool_use'), 1);
      expect(events[0]).toMatchObject({ type: 'attemptRestarted' });
      expect(kept(events).text).toBe(textOf(whole ?? []));
    }
  });

  test('restarts where history knows of a later attempt, even if the text is the same', () => {
    const reader = new ReplyReader(1);
    reader.read(formingOf([text('Hel')]));
    const events = reader.commit(replyOf([text('Hello')]), 2);
    expect(kept(events)).toMatchObject({ text: 'Hello', restarts: 1 });
  });

  test('does not take a call that was cut off for a torn reply', () => {
    const reader = new ReplyReader(1);
    reader.read(formingOf([text('I write.'), call('toolu_1')]));
    const reply = replyOf([text('I write.')], 'max_tokens');
    expect(reader.commit(reply, 1)).toEqual([{ type: 'replyCommitted', round: 1, reply }]);
  });

  test('whatever it sees and misses, what a consumer keeps is exactly the committed reply', () => {
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
          const reader = new ReplyReader(1);
          const events: TurnStreamEvent[] = [];
          for (const [i, [blocks, seen]] of requests.entries()) {
            const at = ofOneAttempt ? { request: i + 1 } : { attempt: i + 1 };
            const inOrder = seen.toSorted(([a, x], [b, y]) => a - b || x - y);
            for (const [count, units] of inOrder) {
              const formed = begun(blocks, count, units);
              events.push(...reader.read(formingOf(formed, { ...at, characters })));
            }
          }
          const whole = requests.at(-1)?.[0] ?? [];
          events.push(...reader.commit(replyOf(whole), ofOneAttempt ? 1 : requests.length));
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

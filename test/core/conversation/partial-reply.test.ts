import { describe, expect, test } from 'vitest';
import type { ReplyBlock } from '../../../core/conversation/messages.ts';
import type { PartialBlock, PartialEnd, Reach } from '../../../core/conversation/partial-reply.ts';
import {
  PARTIAL_CHARACTERS,
  partialAfter,
  partialBlock,
  partialEnd,
  pieceRequest,
  reachOf,
  turnChannel,
} from '../../../core/conversation/partial-reply.ts';
import { jsonBytes } from '../../../core/json.ts';

const text = (value: string): ReplyBlock => ({ type: 'text', text: value, citations: null });
const thinking = (value: string): ReplyBlock => ({
  type: 'thinking',
  thinking: value,
  signature: 'sig',
});
const call = (id: string): ReplyBlock => ({
  type: 'tool_use',
  id,
  name: 'look',
  input: { secret: 1 },
  caller: { type: 'direct' },
});
const none = () => 0;

describe('a partial reply', () => {
  test('names an action of a toolset as its call will be named: after the toolset', () => {
    const click = {
      ...call('toolu_1'),
      name: 'left_click',
      toolset_name: 'computer',
    } as ReplyBlock;
    expect(partialEnd([click], () => 0).blocks).toMatchObject([{ type: 'call', name: 'computer' }]);
  });

  test('holds texts and thinking, and says which calls are being written, without signatures and inputs', () => {
    const redacted: ReplyBlock = { type: 'redacted_thinking', data: 'x' };
    const content = [thinking('hm'), redacted, text('Hello'), undefined, call('toolu_1')];
    expect(partialEnd(content, (index) => index * 10)).toEqual({
      from: 0,
      blocks: [
        { type: 'thinking', offset: 0, text: 'hm' },
        { type: 'other' },
        { type: 'text', offset: 0, text: 'Hello' },
        { type: 'other' },
        { type: 'call', id: 'toolu_1', name: 'look', inputLength: 40 },
      ],
    });
    expect(partialBlock(call('toolu_1'))).toMatchObject({ inputLength: 0 });
  });

  test('holds the newest end if the reply is long', () => {
    expect(partialEnd([text('first'), text('0123456789')], none, 66)).toEqual({
      from: 1,
      blocks: [{ type: 'text', offset: 4, text: '456789' }],
    });
  });

  test('leaves out what does not fit at all', () => {
    expect(partialEnd([text('first'), text('last')], none, 80)).toEqual({
      from: 1,
      blocks: [{ type: 'text', offset: 0, text: 'last' }],
    });
    expect(partialEnd([text('long enough'), call('toolu_1')], none, 80)).toMatchObject({
      from: 1,
      blocks: [{ id: 'toolu_1' }],
    });
    expect(partialEnd([call('toolu_1')], none, 10)).toEqual({ from: 1, blocks: [] });
  });

  test('stays small, whatever the reply is', () => {
    const wide = Array.from({ length: 2_000 }, (_, i) => call(`toolu_${i}`));
    const long = [text('x'.repeat(1_000_000))];
    const mixed = [...wide, ...long, ...wide.slice(0, 50)];
    for (const content of [wide, long, mixed]) {
      const bytes = jsonBytes(partialEnd(content, () => 123_456));
      expect(bytes).toBeGreaterThan(PARTIAL_CHARACTERS / 2);
      expect(bytes).toBeLessThan(1.2 * PARTIAL_CHARACTERS);
    }
  });
});

const said = (value: string, offset = 0): PartialBlock => ({ type: 'text', offset, text: value });
const calls = (inputLength: number): PartialBlock => ({
  type: 'call',
  id: 'toolu_1',
  name: 'look',
  inputLength,
});
const at = (from: number, ...blocks: PartialBlock[]): PartialEnd => ({ from, blocks });
const other: PartialBlock = { type: 'other' };

describe('the new part of a reply since it was sent', () => {
  test.each<[string, PartialEnd, Reach, PartialEnd | undefined]>([
    ['nothing was sent', at(0, said('a')), { blocks: 0, length: 0 }, at(0, said('a'))],
    ['nothing came', at(0, said('ab')), { blocks: 1, length: 2 }, undefined],
    ['nothing came at all', at(0), { blocks: 0, length: 0 }, undefined],
    ['a text grew', at(0, said('abc')), { blocks: 1, length: 2 }, at(0, said('c', 2))],
    [
      'a text grew whose beginning is left out',
      at(3, said('cde', 2)),
      { blocks: 4, length: 3 },
      at(3, said('de', 3)),
    ],
    [
      'a text grew by more than an end holds',
      at(3, said('cde', 9)),
      { blocks: 4, length: 3 },
      at(3, said('cde', 9)),
    ],
    ['a call grew', at(1, calls(9)), { blocks: 2, length: 4 }, at(1, calls(9))],
    ['a call did not', at(1, calls(9)), { blocks: 2, length: 9 }, undefined],
    ['a hidden block did not', at(1, other), { blocks: 2, length: 0 }, undefined],
    [
      'a text ended and a call began',
      at(0, said('ab'), calls(0)),
      { blocks: 1, length: 2 },
      at(0, said('', 2), calls(0)),
    ],
    [
      'blocks before it are as they were',
      at(0, other, said('a'), said('b')),
      { blocks: 2, length: 0 },
      at(1, said('a'), said('b')),
    ],
    [
      'more blocks came than an end holds',
      at(5, said('b')),
      { blocks: 2, length: 1 },
      at(5, said('b')),
    ],
    ['it began again', at(0, said('x')), { blocks: 1, length: 7 }, at(0, said('x'))],
    [
      'it began again with fewer blocks',
      at(0, said('x')),
      { blocks: 3, length: 0 },
      at(0, said('x')),
    ],
  ])('when %s', (_, end, sent, expected) => {
    expect(partialAfter(end, sent)).toEqual(expected);
  });

  test('is empty if everything was sent', () => {
    for (const blocks of [[said('ab', 7)], [said('a'), calls(3)], [other], []]) {
      const end = at(2, ...blocks);
      expect(partialAfter(end, reachOf(end))).toBeUndefined();
    }
  });

  test('is published in a channel of the turn, and names the request', () => {
    expect(turnChannel('default', 'ticket:88')).toBe('plait:default:ticket:88');
    expect(turnChannel('a:b', 'c')).not.toBe(turnChannel('a', 'b:c'));
    expect(pieceRequest('model.1', 1_700_000_000_123)).toBe('model.1@1700000000123');
  });
});

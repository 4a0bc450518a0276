import { describe, expect, test } from 'vitest';
import type { ReplyBlock } from '../../../core/conversation/messages.ts';
import {
  PARTIAL_CHARACTERS,
  partialBlock,
  partialEnd,
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

  test('holds the newest end where the reply is long', () => {
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

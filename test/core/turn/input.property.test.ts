import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InputBlock, Message } from '../../../core/conversation/messages.ts';
import { InvalidTurnError, openingMessages } from '../../../core/turn/input.ts';
import { call, toolUseId } from '../arbitraries.ts';

interface Blocks {
  role: 'user' | 'assistant';
  content: InputBlock[];
}

const text = (words: string): InputBlock => ({ type: 'text', text: words });
const result = (id: string): InputBlock => ({ type: 'tool_result', tool_use_id: id, content: '' });

/** A conversation of batches whose calls are all answered in the next message, in any order. */
const pairedConversation: fc.Arbitrary<Blocks[]> = fc
  .uniqueArray(toolUseId, { minLength: 1, maxLength: 12 })
  .chain((ids) =>
    fc.record({
      ids: fc.constant(ids),
      batches: fc.array(fc.integer({ min: 1, max: 4 }), {
        minLength: ids.length,
        maxLength: ids.length,
      }),
      shuffled: fc.shuffledSubarray(ids, { minLength: ids.length, maxLength: ids.length }),
      plain: fc.boolean(),
    }),
  )
  .map(({ ids, batches, shuffled, plain }) => {
    const messages: Blocks[] = [{ role: 'user', content: [text('Begin')] }];
    let left = ids;
    for (const size of batches) {
      if (left.length === 0) break;
      const batch = left.slice(0, size);
      left = left.slice(size);
      const answered = shuffled.filter((id) => batch.includes(id));
      messages.push(
        { role: 'assistant', content: [text('I look.'), ...batch.map((id) => call(id))] },
        { role: 'user', content: answered.map(result) },
      );
      if (plain) {
        messages.push(
          { role: 'assistant', content: [text('Done.')] },
          { role: 'user', content: [text('Go on')] },
        );
      }
    }
    return messages;
  });

const opening = (messages: readonly Blocks[]) =>
  openingMessages({ agent: 'support', input: messages as Message[] });

/** The same conversation with the blocks of one message replaced. */
function withContent(messages: readonly Blocks[], at: number, content: InputBlock[]): Blocks[] {
  return messages.map((message, i) => (i === at ? { ...message, content } : message));
}

/** The places of all blocks of a type. */
function placesOf(messages: readonly Blocks[], type: InputBlock['type']): [number, number][] {
  return messages.flatMap(({ content }, i) =>
    content.flatMap((block, j) => (block.type === type ? [[i, j] satisfies [number, number]] : [])),
  );
}

/** A conversation that is spoilt at one of its blocks of a type. */
function spoilt(
  type: 'tool_use' | 'tool_result',
  spoil: (messages: Blocks[], at: number, index: number) => Blocks[],
): fc.Arbitrary<Blocks[]> {
  return pairedConversation.chain((messages) =>
    fc.constantFrom(...placesOf(messages, type)).map(([at, index]) => spoil(messages, at, index)),
  );
}

const without = (messages: Blocks[], at: number, index: number) =>
  withContent(messages, at, messages[at]?.content.toSpliced(index, 1) ?? []);
const twice = (messages: Blocks[], at: number, index: number) => {
  const content = messages[at]?.content ?? [];
  return withContent(messages, at, [...content, ...content.slice(index, index + 1)]);
};
const moved = (messages: Blocks[], at: number, index: number) => {
  const block = messages[at]?.content.slice(index, index + 1) ?? [];
  return [...without(messages, at, index), { role: 'user' as const, content: block }];
};
const toTheFront = (messages: Blocks[], at: number, index: number) => {
  const block = messages[at]?.content.slice(index, index + 1) ?? [];
  return [{ role: 'user' as const, content: block }, ...without(messages, at, index)];
};
const cutOff = (messages: Blocks[], at: number) => messages.slice(0, at + 1);
const interrupted = (messages: Blocks[], at: number) =>
  messages.toSpliced(at + 1, 0, { role: 'user', content: [text('Wait')] });

describe('any conversation', () => {
  test('whose calls are all answered once in the next message is accepted', () => {
    fc.assert(
      fc.property(pairedConversation, (messages) => {
        expect(opening(messages)).toBe(messages);
      }),
    );
  });

  test.for([
    ['with a result left out', spoilt('tool_result', without)],
    ['with a call left out, so that its result is an orphan', spoilt('tool_use', without)],
    ['with a result given twice', spoilt('tool_result', twice)],
    ['with a call asked for twice', spoilt('tool_use', twice)],
    ['with a result a message or more too late', spoilt('tool_result', moved)],
    ['with a result before its call', spoilt('tool_result', toTheFront)],
    ['that ends right after a call', spoilt('tool_use', cutOff)],
    ['with a message between a call and its result', spoilt('tool_use', interrupted)],
  ] as const)('%s is rejected', ([, conversations]) => {
    fc.assert(
      fc.property(conversations, (messages) => {
        expect(() => opening(messages)).toThrow(InvalidTurnError);
      }),
    );
  });
});

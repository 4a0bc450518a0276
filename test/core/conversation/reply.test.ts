import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ToolUse } from '../../../core/conversation/messages.ts';
import { findReplyProblem } from '../../../core/conversation/reply.ts';
import { batch, call, replyWith } from '../arbitraries.ts';

const NO_IDS: ReadonlySet<string> = new Set();
const asking = (...content: ToolUse[]) => replyWith({ content, stopReason: 'tool_use' });

const nested = (depth: number): unknown =>
  JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown;

describe('a reply', () => {
  test('that only says something is valid', () => {
    expect(findReplyProblem(replyWith(), NO_IDS)).toBeUndefined();
  });

  test('whose ids differ from each other and from all earlier ones is valid', () => {
    const reply = asking(call('toolu_2'), call('toolu_3'));

    expect(findReplyProblem(reply, new Set(['toolu_1']))).toBeUndefined();
  });

  test('that stopped for tools but asks for none is invalid', () => {
    expect(findReplyProblem(replyWith({ stopReason: 'tool_use' }), NO_IDS)).toBe(
      'it stopped for tool_use without asking for a tool',
    );
  });

  test.for(['pause_turn', 'compaction'])(
    'that stopped with %s but asks for tools is invalid, since nobody would answer them',
    (stopReason) => {
      const reply = replyWith({ content: [call('toolu_1')], stopReason });

      expect(findReplyProblem(reply, NO_IDS)).toBe('it paused while it asked for tools');
    },
  );

  test('that repeats an id within itself is invalid', () => {
    const reply = asking(call('toolu_1'), call('toolu_2'), call('toolu_1'));

    expect(findReplyProblem(reply, NO_IDS)).toBe('the tool_use id toolu_1 is used twice');
  });

  test('that repeats an id of the conversation is invalid', () => {
    expect(findReplyProblem(asking(call('toolu_1')), new Set(['toolu_1']))).toBe(
      'the tool_use id toolu_1 is used twice',
    );
  });

  test('that was cut off must follow the same rules, since its calls are committed too', () => {
    const content = [call('toolu_1'), call('toolu_1')];

    expect(findReplyProblem(replyWith({ content, stopReason: 'max_tokens' }), NO_IDS)).toBe(
      'the tool_use id toolu_1 is used twice',
    );
  });

  test.for([
    ['is empty', ''],
    ['has a dot', 'toolu.1'],
    ['has a space', 'toolu 1'],
    ['ends with a line break', 'toolu_1\n'],
    ['is longer than an activity id may be', 'x'.repeat(201)],
  ] as const)('whose id %s is invalid', ([, id]) => {
    expect(findReplyProblem(asking(call(id)), NO_IDS)).toBe(
      `the tool_use id ${JSON.stringify(id)} is not valid`,
    );
  });

  test('whose id is as long as an activity id may be is valid', () => {
    expect(findReplyProblem(asking(call('x'.repeat(200))), NO_IDS)).toBeUndefined();
  });

  test.for([
    ['has no id', { ...call('x'), id: undefined }, 'the tool_use id undefined is not valid'],
    ['has a number as its id', { ...call('x'), id: 7 }, 'the tool_use id 7 is not valid'],
    ['names no tool', call('toolu_1', ''), 'the tool name "" of tool_use toolu_1 is not valid'],
    [
      'has no name',
      { ...call('toolu_1'), name: undefined },
      'the tool name undefined of tool_use toolu_1 is not valid',
    ],
    [
      'has a list as its input',
      call('toolu_1', 'a', []),
      'the input of a (toolu_1) is not an object: []',
    ],
    [
      'has a text as its input',
      call('toolu_1', 'a', '{}'),
      'the input of a (toolu_1) is not an object: "{}"',
    ],
    [
      'has null as its input',
      call('toolu_1', 'a', null),
      'the input of a (toolu_1) is not an object: null',
    ],
    [
      'has no input',
      { ...call('toolu_1', 'a'), input: undefined },
      'the input of a (toolu_1) is not an object: nothing',
    ],
  ])('whose call %s is invalid', ([, block, problem]) => {
    // What the API sends is checked by nobody before.
    expect(findReplyProblem(asking(block as ToolUse), NO_IDS)).toBe(problem);
  });

  test.for([
    [
      'the input of a call',
      'say (toolu_1)',
      asking(call('toolu_1', 'say', { t: 'thread \ud83e' })),
    ],
    [
      'a key of an input',
      'say (toolu_1)',
      asking(call('toolu_2'), call('toolu_1', 'say', { '\ud83e': 1 })),
    ],
    [
      'a text',
      'a text',
      replyWith({ content: [{ type: 'text', text: '\uddf5', citations: null }] }),
    ],
  ] as const)(
    'that holds half an emoji in %s is invalid, as the API would reject it later',
    ([, where, reply]) => {
      const problem = findReplyProblem(reply, NO_IDS);

      expect(problem).toMatch(/ holds half of a surrogate pair: .*\\ud.*$/);
      expect(problem?.startsWith(`${where} holds`)).toBe(true);
    },
  );

  test.for([
    ['an input', (deep: unknown) => asking(call('toolu_1', 'say', { deep }))],
    [
      'a block that nobody knows',
      (deep: unknown) => replyWith({ content: [{ type: 'future', deep }] as unknown as ToolUse[] }),
    ],
    ['its stop details', (deep: unknown) => replyWith({ stopDetails: deep })],
  ] as const)('that is nested too deep in %s is invalid', ([, reply]) => {
    expect(findReplyProblem(reply(nested(190)), NO_IDS)).toBeUndefined();
    expect(findReplyProblem(reply(nested(5_000)), NO_IDS)).toBe('it is nested more than 200 deep');
  });

  test('whose calls are all different is valid, for any batch', () => {
    fc.assert(
      fc.property(batch(20), (calls) => {
        fc.pre(calls.length > 0);
        expect(findReplyProblem(asking(...calls), NO_IDS)).toBeUndefined();
      }),
    );
  });

  test('that repeats any id anywhere is invalid, for any batch', () => {
    const withOneTwice = batch(20)
      .filter(({ length }) => length > 0)
      .chain((calls) =>
        fc.record({
          calls: fc.constant(calls),
          repeated: fc.constantFrom(...calls),
          at: fc.nat({ max: calls.length }),
        }),
      );
    fc.assert(
      fc.property(withOneTwice, fc.boolean(), ({ calls, repeated, at }, earlier) => {
        const again = call(repeated.id, 'another');
        const reply = asking(...(earlier ? [again] : calls.toSpliced(at, 0, again)));
        const earlierIds = new Set(earlier ? calls.map(({ id }) => id) : []);
        expect(findReplyProblem(reply, earlierIds)).toBe(
          `the tool_use id ${repeated.id} is used twice`,
        );
      }),
    );
  });
});

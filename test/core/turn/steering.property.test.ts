import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SteeringMessage } from '../../../core/turn/steering.ts';
import { placeSteering } from '../../../core/turn/steering.ts';

const text = (turnId: string): SteeringMessage => ({ turnId, input: `text of ${turnId}` });
const blocks = (turnId: string): SteeringMessage => ({
  turnId,
  input: [{ type: 'text', text: `block of ${turnId}` }],
});

describe('steering messages after the results of calls', () => {
  test('are system messages that say whose words they are, if the model accepts them', () => {
    const { messages, joined, waiting } = placeSteering(
      [text('a'), text('b')],
      'after results',
      'system',
    );

    expect(messages).toEqual([
      {
        role: 'system',
        content: expect.stringMatching(/the user has sent.*text of a$/s) as string,
      },
      {
        role: 'system',
        content: expect.stringMatching(/the user has sent.*text of b$/s) as string,
      },
    ]);
    expect(joined).toEqual(['a', 'b']);
    expect(waiting).toEqual([]);
  });

  test('wait if the model does not accept them', () => {
    const steering = [text('a'), blocks('b')];
    expect(placeSteering(steering, 'after results', 'user')).toEqual({
      messages: [],
      joined: [],
      waiting: steering,
    });
  });

  test('wait if they have content blocks, which a system message cannot hold, and so do later ones', () => {
    const steering = [text('a'), blocks('b'), text('c')];
    const { messages, joined, waiting } = placeSteering(steering, 'after results', 'system');

    expect(messages).toHaveLength(1);
    expect(joined).toEqual(['a']);
    expect(waiting).toEqual(steering.slice(1));
  });
});

test("steering messages after the end of a turn become the user's next messages, word for word", () => {
  for (const style of ['system', 'user'] as const) {
    expect(placeSteering([text('a'), blocks('b')], 'after end_turn', style)).toEqual({
      messages: [
        { role: 'user', content: 'text of a' },
        { role: 'user', content: [{ type: 'text', text: 'block of b' }] },
      ],
      joined: ['a', 'b'],
      waiting: [],
    });
  }
});

test('no message is lost, doubled or overtaken, wherever they are placed', () => {
  const message = fc.record({
    turnId: fc.uuid(),
    input: fc.oneof(
      fc.string(),
      fc.constant<SteeringMessage['input']>([{ type: 'text', text: 'x' }]),
    ),
  });
  fc.assert(
    fc.property(
      fc.array(message),
      fc.constantFrom('after results', 'after end_turn'),
      fc.constantFrom('system', 'user'),
      (steering, place, style) => {
        const { messages, joined, waiting } = placeSteering(steering, place, style);
        const ids = [...joined, ...waiting.map(({ turnId }) => turnId)];
        expect(ids).toEqual(steering.map(({ turnId }) => turnId));
        expect(messages).toHaveLength(joined.length);
      },
    ),
  );
});

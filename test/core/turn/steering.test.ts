import { describe, expect, test } from 'vitest';
import type { SteeringMessage } from '../../../core/turn/steering.ts';
import { asUserText, placeSteering } from '../../../core/turn/steering.ts';

const text = (n: number): SteeringMessage => ({ turnId: `s.turn-${n}`, input: `message ${n}` });
const image: SteeringMessage = { turnId: 's.turn-9', input: [{ type: 'text', text: 'see' }] };

describe('messages to a model that works', () => {
  test('follow the results as system messages, if it accepts those', () => {
    expect(placeSteering([text(1), text(2)], 'after results', 'system')).toEqual({
      messages: [
        {
          role: 'system',
          content: expect.stringMatching(/user has sent.*\n\nmessage 1$/) as string,
        },
        { role: 'system', content: expect.stringMatching(/message 2$/) as string },
      ],
      joined: ['s.turn-1', 's.turn-2'],
      waiting: [],
    });
  });

  test('wait for the end of its turn if it accepts none', () => {
    const steering = [text(1)];
    const none = { messages: [], joined: [], waiting: steering };
    expect(placeSteering(steering, 'after results', 'user')).toEqual(none);
  });

  test('wait after one that is not a text, so that they keep their order', () => {
    const { messages, waiting } = placeSteering(
      [text(1), image, text(2)],
      'after results',
      'system',
    );
    expect(messages).toHaveLength(1);
    expect(waiting).toEqual([image, text(2)]);
  });

  test('are the user’s next messages once it has ended its turn', () => {
    expect(placeSteering([text(1), image], 'after end_turn', 'system')).toEqual({
      messages: [
        { role: 'user', content: 'message 1' },
        { role: 'user', content: image.input },
      ],
      joined: ['s.turn-1', 's.turn-9'],
      waiting: [],
    });
  });
});

const said = (role: 'system' | 'user' | 'assistant') => ({ role, content: role });

test('system messages at the end become the user’s, and earlier ones stay', () => {
  const middle = [said('user'), said('system'), said('assistant'), said('user')];
  expect(asUserText([...middle, said('system'), said('system')])).toEqual([
    ...middle,
    { role: 'user', content: 'system' },
    { role: 'user', content: 'system' },
  ]);
  expect(asUserText(middle)).toEqual(middle);
});

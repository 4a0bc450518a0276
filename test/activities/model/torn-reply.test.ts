import { describe, expect, test } from 'vitest';
import type { ReplyEvent } from '../../../activities/model/assemble-reply.ts';
import { ReplyAssembly } from '../../../activities/model/assemble-reply.ts';
import { TornReplyError, UnusableReplyError } from '../../../activities/model/reply-errors.ts';
import { messageDelta, messageStart, messageStop, text, toolUse } from './stream-events.ts';

function assemble(events: readonly ReplyEvent[]) {
  const reply = new ReplyAssembly();
  for (const event of structuredClone(events)) reply.add(event);
  return reply.finish(null);
}

const EVENTS = [
  messageStart,
  ...text(0, 'I look.'),
  ...toolUse(1, 'toolu_1', '{"customer_id":', '1234}'),
  messageDelta('tool_use'),
  messageStop,
];

describe('a reply that did not come whole', () => {
  test.for(EVENTS.slice(0, -1).map((event, i) => [i + 1, event.type] as const))(
    'is torn if its stream ends after event %i, %s',
    ([count]) => {
      expect(() => assemble(EVENTS.slice(0, count))).toThrow(
        new TornReplyError('the stream ended before the reply was whole'),
      );
    },
  );

  test('is torn if its stream is empty', () => {
    expect(() => assemble([])).toThrow(TornReplyError);
  });

  test('cannot be used if its stream has an end, but no beginning or no stop reason', () => {
    expect(() => assemble(EVENTS.slice(1))).toThrow(
      new UnusableReplyError('its stream has no message_start'),
    );
    expect(() => assemble(EVENTS.filter(({ type }) => type !== 'message_delta'))).toThrow(
      new UnusableReplyError('its stream has no message_delta'),
    );
  });

  test('cannot be used if a block grows that never began', () => {
    const reply = new ReplyAssembly();

    expect(() =>
      reply.add({ type: 'content_block_delta', index: 3, delta: { type: 'text_delta', text: '' } }),
    ).toThrow(new UnusableReplyError('a content block has no beginning'));
  });

  test('is whole otherwise', () => {
    expect(assemble(EVENTS).content).toHaveLength(2);
  });
});

describe('a call whose input was cut', () => {
  const cut = toolUse(1, 'toolu_1', '{"customer_id": 12');

  test.for(['max_tokens', 'model_context_window_exceeded', 'refusal'] as const)(
    'is left out of a reply that stopped with %s, and the rest is kept',
    (stopReason) => {
      const reply = assemble([
        messageStart,
        ...text(0, 'I look.'),
        ...cut,
        messageDelta(stopReason),
        messageStop,
      ]);

      expect(reply.content).toEqual([{ type: 'text', text: 'I look.', citations: null }]);
      expect(reply.stopReason).toBe(stopReason);
    },
  );

  test('keeps the whole call before it', () => {
    const reply = assemble([
      messageStart,
      ...toolUse(0, 'toolu_0', '{"customer_id":1234}'),
      ...cut,
      messageDelta('max_tokens'),
      messageStop,
    ]);

    expect(reply.content).toMatchObject([{ id: 'toolu_0', input: { customer_id: 1234 } }]);
  });

  test.for(['tool_use', 'end_turn', 'pause_turn'] as const)(
    'makes a reply that claims to be complete useless: %s',
    (stopReason) => {
      const events = [messageStart, ...cut, messageDelta(stopReason), messageStop];

      expect(() => assemble(events)).toThrow(
        new UnusableReplyError(
          'the input of get_orders (toolu_1) is not valid JSON: {"customer_id": 12',
        ),
      );
    },
  );
});

import * as fc from 'fast-check';
import type { ToolUse } from '../../core/conversation/messages.ts';
import type { OutcomeType, ToolOutcome } from '../../core/calls/outcome.ts';
import { OUTCOMES } from '../../core/calls/outcome.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';

// Values that the properties of core/ are tried with.

export function call(id: string, name = 'get_orders', input: unknown = {}): ToolUse {
  return { type: 'tool_use', id, name, input, caller: { type: 'direct' } };
}

/** A reply that says "Hello" and stops, and what is different about it. */
export function replyWith(parts: Partial<ModelReply> = {}): ModelReply {
  return {
    id: 'msg_01',
    model: 'claude-opus-5-5',
    content: [{ type: 'text', text: 'Hello', citations: null }],
    stopReason: 'end_turn',
    stopSequence: null,
    stopDetails: null,
    usage: {
      input_tokens: 10,
      output_tokens: 5,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    },
    requestId: 'req_01',
    ...parts,
  };
}

export const toolUseId = fc.stringMatching(/^toolu_[a-zA-Z0-9_-]{1,12}$/);

export const toolName = fc.oneof(
  fc.constantFrom('get_orders', 'constructor', '__proto__', 'default', 'toString'),
  fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/),
);

export const toolInput = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });

/** A batch: calls whose ids are all different. */
export function batch(maxLength = 8): fc.Arbitrary<ToolUse[]> {
  return fc
    .uniqueArray(toolUseId, { maxLength })
    .chain((ids) =>
      fc.tuple(
        ...ids.map((id) =>
          fc.tuple(toolName, toolInput).map(([name, input]) => call(id, name, input)),
        ),
      ),
    );
}

const OUTCOME_TYPES = Object.keys(OUTCOMES) as OutcomeType[];

/** Every outcome but success. */
export const failureType = fc.constantFrom(...OUTCOME_TYPES.filter((type) => type !== 'succeeded'));

const resultBlock = fc.record({
  type: fc.constant('text' as const),
  text: fc.string({ minLength: 1, unit: 'binary' }),
});

export const outcome: fc.Arbitrary<ToolOutcome> = fc.oneof(
  fc.record({
    type: fc.constant('succeeded' as const),
    content: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 2_000 }),
      fc.array(resultBlock, { minLength: 1, maxLength: 3 }),
    ),
  }),
  fc.record({ type: failureType, message: fc.string({ maxLength: 400 }) }),
);

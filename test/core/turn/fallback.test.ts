import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../../core/agent-spec.ts';
import { nextFallback, specFor } from '../../../core/turn/fallback.ts';

const spec: AgentSpec = {
  model: 'a',
  max_tokens: 10,
  system: 'Be brief.',
  thinking: { type: 'adaptive' },
  output_config: { effort: 'high', format: { type: 'json_schema', schema: {} } },
  fallbacks: [
    { model: 'b', on: ['refusal'] },
    { model: 'c', on: ['overloaded', 'refusal'], max_tokens: 5, effort: 'low' },
    { model: 'd', on: ['overloaded'], thinking: null, effort: null },
  ],
};

describe('the next fallback', () => {
  test.for([
    ['is the first that stands in for it', 'a', 'refusal', 'b'],
    ['leaves out one that does not', 'a', 'overloaded', 'c'],
    ['stands behind the model that was asked', 'b', 'refusal', 'c'],
    ['is never one from before', 'c', 'refusal', undefined],
    ['does not exist after the last', 'd', 'overloaded', undefined],
  ] as const)('%s', ([, asked, reason, next]) => {
    expect(nextFallback(spec, asked, reason)).toBe(next);
  });

  test('does not exist if the agent has no fallbacks', () => {
    expect(nextFallback({}, 'a', 'refusal')).toBeUndefined();
  });
});

describe('what the next model reads', () => {
  const { fallbacks: _, ...own } = spec;
  const { thinking: __, output_config: ___, ...rest } = own;
  const format = { type: 'json_schema', schema: {} };

  test('is the spec, for the agent’s own model', () => {
    expect(specFor(spec, 'a')).toEqual(own);
  });

  test('is the same for a fallback that changes nothing', () => {
    expect(specFor(spec, 'b')).toEqual({ ...own, model: 'b' });
  });

  test("includes the fallback's own options", () => {
    const changed = { model: 'c', max_tokens: 5, output_config: { format, effort: 'low' } };
    expect(specFor(spec, 'c')).toEqual({ ...own, ...changed });
  });

  test('omits what the fallback leaves out', () => {
    expect(specFor(spec, 'd')).toEqual({ ...rest, model: 'd', output_config: { format } });
    const { output_config: ____, ...plain } = spec;
    expect(specFor(plain, 'd')).toEqual({ ...rest, model: 'd' });
  });
});

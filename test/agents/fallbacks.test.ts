import { describe, expect, test } from 'vitest';
import { requestParams } from '../../activities/model/request-params.ts';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { AgentOptions } from '../../agents/define-agent.ts';
import { defineAgent } from '../../agents/define-agent.ts';
import { specFor } from '../../core/turn/fallback.ts';
import { rejection } from '../../testing/rejections.ts';
import { reader } from '../fixtures/tools.ts';

const prices = { input: 4, output: 20 };
const declare = (options: Partial<AgentOptions<unknown>>) =>
  defineAgent({
    name: 'a',
    model: 'claude-opus-5-5',
    tools: [reader('look', () => 1)],
    ...options,
  });

describe('a fallback', () => {
  test('takes over from an overloaded model and from one that declines, with the agent’s options', () => {
    const { spec } = declare({ effort: 'high', fallbacks: [{ model: 'claude-opus-4-8' }] });
    expect(spec.fallbacks).toEqual([{ model: 'claude-opus-4-8', on: ['overloaded', 'refusal'] }]);
  });

  test('is asked with its own options, in a request that the API accepts', () => {
    const { spec, fallbackPrices } = declare({
      prices,
      effort: 'xhigh',
      thinking: { type: 'adaptive' },
      fallbacks: [
        {
          model: 'claude-haiku-4-5',
          on: ['overloaded'],
          maxTokens: 8_000,
          thinking: { type: 'enabled', budgetTokens: 2_000 },
          effort: null,
          prices: { input: 1, output: 5 },
        },
        { model: 'claude-sonnet-4-6', thinking: null, effort: 'max', prices },
      ],
    });
    const ask = (model: string) =>
      requestParams(specFor(spec, model), [{ role: 'user', content: 'Hello' }]);
    const haiku = ask('claude-haiku-4-5');
    expect(haiku).toMatchObject({
      max_tokens: 8_000,
      thinking: { type: 'enabled', budget_tokens: 2_000 },
    });
    expect(haiku).not.toHaveProperty('output_config');
    const sonnet = ask('claude-sonnet-4-6');
    expect(sonnet).toMatchObject({ max_tokens: 32_000, output_config: { effort: 'max' } });
    expect(sonnet).not.toHaveProperty('thinking');
    for (const params of [ask('claude-opus-5-5'), haiku, sonnet]) {
      expect(rejection({ ...params })).toBeUndefined();
    }
    expect(fallbackPrices).toEqual([
      ['claude-haiku-4-5', { input: 1, output: 5 }],
      ['claude-sonnet-4-6', prices],
    ]);
  });

  test('has no prices when the agent has none', () => {
    expect(declare({ fallbacks: [{ model: 'claude-opus-4-8' }] }).fallbackPrices).toBeUndefined();
  });
});

describe('a fallback is invalid', () => {
  test.for<[string, Partial<AgentOptions<unknown>>, string]>([
    [
      'that is the agent’s own model',
      { fallbacks: [{ model: 'claude-opus-5-5' }] },
      'fallbacks[0] (claude-opus-5-5): this model is named twice; name each model once',
    ],
    [
      'that is named twice',
      { fallbacks: [{ model: 'claude-opus-4-8' }, { model: 'claude-opus-4-8' }] },
      'fallbacks[1] (claude-opus-4-8): this model is named twice',
    ],
    [
      'that does not take the agent’s thinking',
      { thinking: { type: 'adaptive' }, fallbacks: [{ model: 'claude-haiku-4-5' }] },
      "fallbacks[0] (claude-haiku-4-5): thinking 'adaptive'",
    ],
    [
      'that does not take its own thinking',
      { fallbacks: [{ model: 'claude-opus-5', thinking: { type: 'between_tools' } }] },
      "fallbacks[0] (claude-opus-5): thinking 'between_tools'",
    ],
    [
      'that does not take the agent’s effort',
      { effort: 'xhigh', fallbacks: [{ model: 'claude-opus-4-6' }] },
      "fallbacks[0] (claude-opus-4-6): effort 'xhigh'",
    ],
    [
      'that cannot be made to call a tool',
      {
        model: 'claude-opus-5',
        toolChoice: { type: 'any' },
        fallbacks: [{ model: 'claude-opus-5-5' }],
      },
      "fallbacks[0] (claude-opus-5-5): toolChoice 'any'",
    ],
    [
      'whose budget for thinking leaves no room',
      {
        model: 'claude-opus-4-5',
        thinking: { type: 'enabled', budgetTokens: 2_000 },
        fallbacks: [{ model: 'claude-haiku-4-5', maxTokens: 2_000 }],
      },
      'fallbacks[0] (claude-haiku-4-5): thinking.budgetTokens must be below maxTokens (2000); got 2000',
    ],
    [
      'whose conversations the API does not compact',
      { compaction: {}, fallbacks: [{ model: 'claude-haiku-4-5' }] },
      'fallbacks[0] (claude-haiku-4-5): the API does not compact for this model',
    ],
    [
      'without prices, when the agent has some',
      { prices, fallbacks: [{ model: 'claude-opus-4-8' }] },
      'fallbacks[0] (claude-opus-4-8): needs prices',
    ],
    [
      'with prices, when the agent has none',
      { fallbacks: [{ model: 'claude-opus-4-8', prices }] },
      'fallbacks[0] (claude-opus-4-8): has prices, and the agent has none',
    ],
    [
      'in an empty list',
      { fallbacks: [] },
      'fallbacks must not be empty: leave the option out instead; got []',
    ],
    [
      'for no reason',
      { fallbacks: [{ model: 'claude-opus-4-8', on: [] }] },
      'fallbacks[0].on must not be empty: leave the option out instead; got []',
    ],
    [
      'with an option that does not exist',
      { fallbacks: [{ model: 'claude-opus-4-8', when: 'busy' } as never] },
      'unknown option fallbacks[0].when; known options: model, on,',
    ],
  ])('%s', ([, options, problem]) => {
    expect(() => declare(options)).toThrow(DeclarationError);
    expect(() => declare(options)).toThrow(problem);
  });

  test('only for what is wrong with it, not for what is wrong with the agent', () => {
    const options: Partial<AgentOptions<unknown>> = {
      maxTokensRetry: 1,
      fallbacks: [{ model: 'claude-opus-4-8' }],
    };
    expect(() => declare(options)).toThrow(
      new DeclarationError(
        'defineAgent("a"): maxTokensRetry must be above maxTokens (32000); got 1',
      ),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { requestParams } from '../../activities/model/request-params.ts';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { AgentOptions } from '../../agents/define-agent.ts';
import { defineAgent } from '../../agents/define-agent.ts';
import { defineTool } from '../../agents/define-tool.ts';
import type { AgentModelOptions } from '../../agents/model-options.ts';
import { rejection } from '../../testing/rejections.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  inputSchema: z.object({}),
  run: () => 1,
});

const byCode = defineTool({
  name: 'count',
  description: 'Counts.',
  inputSchema: z.object({}),
  allowedCallers: ['code_execution_20260120'],
  run: () => 1,
});

const declare = (model: string, options: Partial<AgentOptions<unknown>>) =>
  defineAgent({ name: 'a', model, tools: [look], ...options });

const ask = (model: string, options: AgentModelOptions, maxTokens?: number) => {
  const { spec } = declare(model, { ...options, ...(maxTokens && { maxTokens }) });
  return requestParams(spec, [{ role: 'user', content: 'Hello' }], { first: true });
};

/** What is wrong with the declaration. */
function declarationProblem(model: string, options: Partial<AgentOptions<unknown>>) {
  try {
    declare(model, options);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(DeclarationError);
    return (error as Error).message;
  }
}

describe('the options of the model become fields of the request', () => {
  test.for<[AgentModelOptions, object]>([
    [{ effort: 'high' }, { output_config: { effort: 'high' } }],
    [{ thinking: { type: 'adaptive' } }, { thinking: { type: 'adaptive' } }],
    [
      { thinking: { type: 'adaptive', display: 'omitted' } },
      { thinking: { type: 'adaptive', display: 'omitted' } },
    ],
    [{ toolChoice: { type: 'none' } }, { tool_choice: { type: 'none' } }],
    [
      { toolChoice: { type: 'auto', disableParallelToolUse: true } },
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
    [{ stopSequences: ['END'] }, { stop_sequences: ['END'] }],
  ])('%o', ([options, fields]) => {
    const params = ask('claude-opus-5-5', options);
    expect(params).toMatchObject(fields);
    expect(rejection({ ...params })).toBeUndefined();
  });

  test('a budget for thinking', () => {
    const params = ask('claude-opus-4-5', { thinking: { type: 'enabled', budgetTokens: 2_000 } });
    expect(params.thinking).toEqual({ type: 'enabled', budget_tokens: 2_000 });
  });

  test('nothing if nothing is chosen', () => {
    expect(Object.keys(ask('claude-opus-5-5', {}))).toEqual([
      'model',
      'max_tokens',
      'system',
      'tools',
      'messages',
      'cache_control',
    ]);
  });

  test('effort together with the schema of the answer', () => {
    const { spec } = defineAgent({
      name: 'a',
      model: 'claude-opus-5-5',
      effort: 'low',
      output: z.object({ total: z.number() }),
    });
    expect(spec.output_config).toMatchObject({ effort: 'low', format: { type: 'json_schema' } });
    const own = { format: { type: 'json_schema' as const, schema: { type: 'object' } } };
    expect(requestParams(spec, [], { output: own }).output_config).toEqual({
      effort: 'low',
      ...own,
    });
  });

  test('a forced tool with the first reply of a turn, and a free choice after it', () => {
    const { spec } = declare('claude-opus-5', {
      toolChoice: { type: 'tool', name: 'look', disableParallelToolUse: true },
    });
    expect(requestParams(spec, [], { first: true }).tool_choice).toEqual({
      type: 'tool',
      name: 'look',
      disable_parallel_tool_use: true,
    });
    expect(requestParams(spec, []).tool_choice).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true,
    });
    expect(requestParams(spec, [], { lastWord: true }).tool_choice).toEqual({ type: 'none' });
  });
});

describe('a declaration is invalid exactly when the API would reject the request', () => {
  const models = [
    'claude-fable-5-2',
    'claude-opus-5-5',
    'claude-sonnet-5-5',
    'claude-opus-5',
    'claude-opus-4-7',
    'claude-opus-4-6',
    'claude-sonnet-4-6',
    'claude-opus-4-5-20251101',
    'claude-sonnet-4-5',
    'claude-haiku-4-5-20251001',
  ];
  const choices: AgentModelOptions[] = [
    { thinking: { type: 'adaptive' } },
    { thinking: { type: 'enabled', budgetTokens: 2_000 } },
    { thinking: { type: 'enabled', budgetTokens: 4_000 } },
    { thinking: { type: 'disabled' } },
    { thinking: { type: 'between_tools' } },
    ...(['low', 'medium', 'high', 'xhigh', 'max'] as const).map((effort) => ({ effort })),
    { toolChoice: { type: 'any' } },
    { toolChoice: { type: 'tool', name: 'look' } },
    { toolChoice: { type: 'tool', name: 'other' } },
    { toolChoice: { type: 'none' } },
    { toolChoice: { type: 'any' }, thinking: { type: 'enabled', budgetTokens: 2_000 } },
  ];
  const MAX_TOKENS = 4_000;

  /** What the scripted API, which has its own table, says to the same options. */
  function apiProblem(model: string, options: AgentModelOptions) {
    const { thinking, effort, toolChoice } = options;
    const budget = thinking?.type === 'enabled' ? { budget_tokens: thinking.budgetTokens } : {};
    return rejection({
      model,
      max_tokens: MAX_TOKENS,
      tools: [look.spec],
      messages: [{ role: 'user', content: 'Hello' }],
      ...(thinking && { thinking: { type: thinking.type, ...budget } }),
      ...(effort && { output_config: { effort } }),
      ...(toolChoice && { tool_choice: toolChoice }),
    })?.message;
  }

  test.for(models)('%s', (model) => {
    const differing = choices.filter(
      (options) =>
        (declarationProblem(model, { ...options, maxTokens: MAX_TOKENS }) === undefined) !==
        (apiProblem(model, options) === undefined),
    );
    expect(differing).toEqual([]);
  });

  test('a model of an unknown name is left for the API to judge', () => {
    expect(
      declarationProblem('our-gateway/opus', {
        thinking: { type: 'disabled' },
        effort: 'max',
        toolChoice: { type: 'any' },
      }),
    ).toBeUndefined();
  });
});

describe('a declaration says what to write instead', () => {
  test.for<[string, Partial<AgentOptions<unknown>>, string]>([
    [
      'claude-opus-5-5',
      { thinking: { type: 'disabled' }, effort: 'high' },
      "thinking 'disabled': this model decides by itself how much to think; use 'adaptive' and effort",
    ],
    [
      'claude-opus-4-5',
      { thinking: { type: 'adaptive' } },
      "thinking 'adaptive': this model takes 'enabled' with budgetTokens",
    ],
    [
      'claude-opus-4-6',
      { effort: 'xhigh' },
      "effort 'xhigh': this model takes low, medium, high, max",
    ],
    [
      'claude-opus-5-5',
      { toolChoice: { type: 'any' } },
      "toolChoice 'any': this model cannot be made to call a tool",
    ],
    [
      'claude-opus-4-5',
      { thinking: { type: 'enabled', budgetTokens: 5_000 }, maxTokens: 5_000 },
      'thinking.budgetTokens must be below maxTokens (5000); got 5000',
    ],
    [
      'claude-opus-4-5',
      { thinking: { type: 'enabled', budgetTokens: 2_000 }, toolChoice: { type: 'any' } },
      "toolChoice: the API does not force a tool beside thinking 'enabled'; leave one of them out",
    ],
    [
      'claude-opus-5',
      { toolChoice: { type: 'any' }, tools: [] },
      'toolChoice forces a tool, and the agent has none; give it one, or leave out toolChoice',
    ],
    [
      'claude-opus-5',
      { toolChoice: { type: 'tool', name: 'see' } },
      'toolChoice.name must be a tool of the agent; got "see"',
    ],
    [
      'claude-opus-5',
      { toolChoice: { type: 'must' } as never },
      'toolChoice.type must be "auto", "any", "tool", or "none"; got "must"',
    ],
    [
      'claude-opus-5-5',
      {
        toolChoice: { type: 'auto', disableParallelToolUse: true },
        serverTools: [{ type: 'code_execution_20260120', name: 'code_execution' }],
        tools: [byCode],
      },
      'toolChoice.disableParallelToolUse: the API rejects it beside tools that code may call; leave it out',
    ],
    [
      'claude-opus-5-5',
      { maxTokensRetry: 100, maxTokens: 100 },
      'maxTokensRetry must be above maxTokens (100); got 100',
    ],
    [
      'claude-opus-5-5',
      { stopSequences: [] },
      'stopSequences must not be empty: leave the option out instead; got []',
    ],
    [
      'claude-opus-5-5',
      { stopSequences: ['END', ' '] },
      'stopSequences[1] must not be blank: the API rejects it; got " "',
    ],
    [
      'claude-opus-5-5',
      { cache: { ttl: '1d' } as never },
      "cache must be false, { ttl: '5m' } or { ttl: '1h' }; got an object",
    ],
  ])('%s: %o', ([model, options, problem]) => {
    expect(declarationProblem(model, options)).toBe(`defineAgent("a"): ${problem}`);
  });
});

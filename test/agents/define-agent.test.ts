import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { Agent, AgentOptions } from '../../agents/define-agent.ts';
import { defineAgent } from '../../agents/define-agent.ts';
import { defineTool } from '../../agents/define-tool.ts';
import { PARALLEL_TOOL_USE } from '../../core/calls/texts.ts';
import { SPECIAL_NAMES } from './tools.ts';

const OPTIONS: AgentOptions<unknown> = { name: 'support', model: 'claude-opus-5-5' };

const tool = (name: string) =>
  defineTool({
    name,
    description: `Does ${name}.`,
    inputSchema: z.object({}),
    run: () => name,
  });

/** Declares an agent with options of any type, as plain JavaScript may. */
const declare = (changes: Record<string, unknown>) => defineAgent({ ...OPTIONS, ...changes });

describe('a declared agent', () => {
  test('needs a name and a model; everything else has defaults', async () => {
    const agent = defineAgent(OPTIONS);

    expect(agent).toMatchObject({ name: 'support', limits: { rounds: 50, concurrency: 500 } });
    expect(agent.spec).toEqual({ model: 'claude-opus-5-5', max_tokens: 32_000 });
    expect(agent.tools.size).toBe(0);
    expect(await agent.parseContext({ any: 'thing' })).toEqual({ any: 'thing' });
  });

  test('has a spec for the model with everything that was declared', () => {
    const { spec, limits } = defineAgent({
      ...OPTIONS,
      system: 'You help.',
      maxTokens: 500,
      tools: [tool('get_orders')],
      limits: { rounds: 3 },
      parallelToolUse: false,
    });

    expect(spec).toEqual({
      model: 'claude-opus-5-5',
      max_tokens: 500,
      system: 'You help.',
      tools: [tool('get_orders').spec],
    });
    expect(limits).toEqual({ rounds: 3, concurrency: 500 });
  });

  test.for([
    [
      'after the system prompt',
      { system: 'You help.', tools: [tool('a')] },
      `You help.\n\n${PARALLEL_TOOL_USE}`,
    ],
    ['alone without a system prompt', { tools: [tool('a')] }, PARALLEL_TOOL_USE],
    ['never without tools', { system: 'You help.' }, 'You help.'],
    ['never without tools and a system prompt', {}, undefined],
    ['never when it is turned off', { tools: [tool('a')], parallelToolUse: false }, undefined],
  ] as const)('asks the model to call in parallel: %s', ([, options, system]) => {
    expect(defineAgent({ ...OPTIONS, ...options }).spec.system).toBe(system);
  });

  test.for([
    ['as the API does by default', {}, {}],
    [
      'as the option says',
      { triggerTokens: 80_000, instructions: 'Keep every number.' },
      { trigger: { type: 'input_tokens', value: 80_000 }, instructions: 'Keep every number.' },
    ],
  ] as const)('asks the API to compact its conversations %s', ([, compaction, edit]) => {
    expect(defineAgent({ ...OPTIONS, compaction }).spec).toEqual({
      model: 'claude-opus-5-5',
      max_tokens: 32_000,
      betas: ['compact-2026-01-12'],
      context_management: { edits: [{ type: 'compact_20260112', ...edit }] },
    });
  });

  test.for(['claude-opus-4-6', 'claude-haiku-5-5', 'claude-fable-6', 'alias-of-a-gateway'])(
    'may compact with %s',
    (model) => {
      expect(defineAgent({ ...OPTIONS, model, compaction: {} }).spec.betas).toHaveLength(1);
    },
  );

  test('keeps its tools in their order, under any legal name', () => {
    const agent = defineAgent({ ...OPTIONS, tools: SPECIAL_NAMES.map(tool) });

    expect([...agent.tools.keys()]).toEqual([...SPECIAL_NAMES]);
    expect(agent.spec.tools?.map((one) => 'name' in one && one.name)).toEqual([...SPECIAL_NAMES]);
    expect(agent.tools.get('__proto__')?.name).toBe('__proto__');
    expect(agent.tools.get('hasOwnProperty')).toBeUndefined();
  });

  test('treats undefined like an option that is left out', () => {
    const agent = declare({ system: undefined, tools: undefined, limits: { rounds: undefined } });

    expect(agent.spec).toEqual(defineAgent(OPTIONS).spec);
    expect(agent.limits).toEqual({ rounds: 50, concurrency: 500 });
  });
});

describe('the context of a turn', () => {
  const contextSchema = z.object({
    tenant: z.string(),
    locale: z.string().default('en'),
    user: z.string().refine(async (user) => user !== 'nobody', 'is nobody'),
  });
  const agent = defineAgent({ ...OPTIONS, contextSchema });

  test('is the output of the schema', async () => {
    expect(await agent.parseContext({ tenant: 'acme', user: 'ada' })).toEqual({
      tenant: 'acme',
      locale: 'en',
      user: 'ada',
    });
  });

  test('is reported as invalid with everything that is wrong with it', async () => {
    await expect(agent.parseContext({ tenant: 7, user: 'nobody' })).rejects.toThrow(
      /^context of agent support does not match its contextSchema:\n.*expected string, received number.*\n.*tenant[^]*is nobody/,
    );
  });

  test('is invalid when it is missing', async () => {
    await expect(agent.parseContext(undefined)).rejects.toThrow(TypeError);
  });

  test('has the type of the schema', () => {
    expectTypeOf(agent).toEqualTypeOf<Agent<{ tenant: string; locale: string; user: string }>>();
    expectTypeOf(defineAgent({ name: 'a', model: 'm' })).toEqualTypeOf<Agent>();
  });
});

test.for([
  [7n, 'defineAgent(7): name must be a text; got 7'],
  [Symbol('a'), 'defineAgent(Symbol(a)): name must be a text; got Symbol(a)'],
  [new Map(), 'defineAgent(an object): name must be a text; got an object'],
] as const)('an agent cannot be named %s', ([name, problem]) => {
  expect(() => defineAgent({ name, model: 'claude-opus-5-5' } as never)).toThrow(
    new DeclarationError(problem),
  );
});

describe('a declaration of an agent is invalid', () => {
  const NAME = 'name must be 1 to 64 letters, digits, "_", "-" and "."; got';
  const MODEL = 'model must name a model; there is no default; got';
  const KNOWN =
    'name, model, system, description, tools, maxTokens, maxRetryAfter, limits, onLimit, fallbacks, modelTaskQueue, output, outputRepairs, onToolFailure, batchTimeout, onTimeout, backgroundAtEnd, startCallsEarly, onApproval, contextSchema, compaction, stream, summaries, parallelToolUse, thinking, effort, toolChoice, stopSequences, maxTokensRetry, cache, prices, serverTools';

  test.for([
    ['without a name', { name: undefined }, 'name must be a text; got undefined'],
    ['with a space in its name', { name: 'my agent' }, `${NAME} "my agent"`],
    ['with a name that is too long', { name: 'x'.repeat(65) }, `${NAME} "${'x'.repeat(65)}"`],
    ['without a model', { model: undefined }, `${MODEL} undefined`],
    [
      'with what only looks like a tool',
      { tools: [{ policy: 1 }] },
      'tools[0] must come from defineTool or mcpServer; got an object',
    ],
    [
      'with a server tool that cannot be sent',
      { serverTools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 7n }] },
      'serverTools[0] must be JSON; got an object',
    ],
    [
      'with a generator as onApproval',
      {
        onApproval: function* () {
          yield 'never';
        },
      },
      'onApproval must not be a generator function, whose body would never run; use a function that returns a value or a promise; got a function',
    ],
    [
      'with a class as onApproval',
      { onApproval: Map },
      'onApproval must not be a class, which needs new; use a function; got a function',
    ],
    ['with an empty model', { model: '' }, `${MODEL} ""`],
    [
      'with a trigger that the API does not take',
      { compaction: { triggerTokens: 49_999 } },
      'compaction.triggerTokens must be a whole number of at least 50000; got 49999',
    ],
    [
      'with blank instructions for the summary',
      { compaction: { instructions: ' ' } },
      'compaction.instructions must not be blank: leave the option out instead; got " "',
    ],
    [
      'with compaction for a model that does not have it',
      { model: 'claude-haiku-4-5-20251001', compaction: {} },
      'compaction: the API does not compact for claude-haiku-4-5-20251001; use Claude 4.6 or later',
    ],
    [
      'with a blank system prompt',
      { system: '  ' },
      'system must not be blank: leave the option out instead; got "  "',
    ],
    [
      'with a tool instead of a list of tools',
      { tools: tool('a') },
      'tools must be an array; got an object',
    ],
    [
      'with a tool that is not one',
      { tools: [tool('a'), { name: 'b' }] },
      'tools[1] must come from defineTool or mcpServer; got an object',
    ],
    [
      'with the name of a tool',
      { tools: ['a'] },
      'tools[0] must come from defineTool or mcpServer; got "a"',
    ],
    ['with no tokens', { maxTokens: 0 }, 'maxTokens must be a whole number of at least 1; got 0'],
    [
      'with half a token',
      { maxTokens: 1.5 },
      'maxTokens must be a whole number of at least 1; got 1.5',
    ],
    [
      'with no rounds',
      { limits: { rounds: 0 } },
      'limits.rounds must be a whole number of at least 1; got 0',
    ],
    [
      'with half a tool call',
      { limits: { toolCalls: 0.5 } },
      'limits.toolCalls must be a whole number of at least 0; got 0.5',
    ],
    [
      'that does not wait at all',
      { maxRetryAfter: 0 },
      `maxRetryAfter must be a duration from 1 ms to 36,500 days: a number of milliseconds, or a text like '30s' or '2m'; got 0`,
    ],
    [
      'with half an emoji in its prompt',
      { system: 'You are \ud83d' },
      'system holds half of an emoji or of another pair of characters, which the API rejects: was it cut with slice()?',
    ],
    [
      'with half an emoji in the schema of its answers',
      { output: { type: 'object', properties: { a: { type: 'string', description: '\udc00' } } } },
      'output.properties.a.description holds half of an emoji or of another pair of characters, which the API rejects: was it cut with slice()?',
    ],
    [
      'with no time',
      { limits: { wallTime: '0s' } },
      `limits.wallTime must be a duration from 1 ms to 36,500 days: a number of milliseconds, or a text like '30s' or '2m'; got "0s"`,
    ],
    [
      'with a limit of no dollars',
      { limits: { costUSD: 0 } },
      'limits.costUSD must be a number of US dollars above 0; got 0',
    ],
    [
      'with a limit in dollars and no prices',
      { limits: { costUSD: 1 } },
      'limits.costUSD needs prices: what the model costs in USD per million tokens',
    ],
    [
      'with half a price list',
      { prices: { input: 4 } },
      'prices.output must be a number of USD; got undefined',
    ],
    [
      'with a price that does not exist',
      { prices: { input: 4, output: 20, thinking: 20 } },
      'unknown option prices.thinking; known options: input, output, cacheWrite5m, cacheWrite1h, cacheRead',
    ],
    [
      'with another end at a limit',
      { onLimit: 'summary' },
      'onLimit must be "stop" or "lastWord"; got "summary"',
    ],
    [
      'with a type of thinking that does not exist',
      { thinking: { type: 'deep' } },
      'thinking.type must be "adaptive", "enabled", "between_tools", or "disabled"; got "deep"',
    ],
    [
      'with a text for thinking',
      { thinking: 'adaptive' },
      'thinking must be an object; got "adaptive"',
    ],
    [
      'with an output that is not a schema',
      { output: 'json' },
      'output must be a zod 4 schema or a JSON Schema; got "json"',
    ],
    [
      'with a limit that does not exist',
      { limits: { turns: 3 } },
      'unknown option limits.turns; known options: rounds, toolCalls, inputTokens, outputTokens, costUSD, wallTime, concurrency, depth, historyEvents',
    ],
    [
      'with an option that does not exist',
      { prompt: 'You help.' },
      `unknown option prompt; known options: ${KNOWN}`,
    ],
    [
      'with a context schema that is not one of zod',
      { contextSchema: { type: 'object' } },
      'contextSchema must be a zod 4 schema; got an object',
    ],
    [
      'with two tools of one name',
      { tools: [tool('a'), tool('b'), tool('a')] },
      'tools: two are named a; each needs its own name',
    ],
    [
      'with several tools of several names',
      { tools: ['a', 'b', 'b', 'a', 'b', '__proto__', '__proto__'].map(tool) },
      'tools: two are named b, a, __proto__; each needs its own name',
    ],
    [
      'with everything that is wrong with it at once',
      { name: '', model: '' },
      `\n  1. ${NAME} ""\n  2. ${MODEL} ""`,
    ],
    [
      'with everything that does not go together at once',
      { model: 'claude-haiku-4-5', tools: [tool('a'), tool('a')], compaction: {}, effort: 'low' },
      [
        '',
        '1. tools: two are named a; each needs its own name',
        '2. compaction: the API does not compact for claude-haiku-4-5; use Claude 4.6 or later',
        "3. effort 'low': this model does not take effort",
      ].join('\n  '),
    ],
  ] as const)('%s', ([, changes, problem]) => {
    const name = JSON.stringify('name' in changes ? changes.name : OPTIONS.name);

    expect(() => declare(changes)).toThrow(
      new DeclarationError(`defineAgent(${name}):${problem.startsWith('\n') ? '' : ' '}${problem}`),
    );
  });
});

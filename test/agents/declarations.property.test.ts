import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { agentsOf } from '../../agents/agent-registry.ts';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { AgentOptions } from '../../agents/define-agent.ts';
import { defineAgent } from '../../agents/define-agent.ts';
import type { ToolOptions } from '../../agents/define-tool.ts';
import { defineTool } from '../../agents/define-tool.ts';

const inputSchema = z.object({ path: z.string() });
const TOOL: Required<ToolOptions<typeof inputSchema, unknown>> = {
  name: 'look',
  description: 'Looks.',
  inputSchema,
  annotations: { readOnlyHint: true },
  activity: { startToCloseTimeout: '5s', retry: { maximumAttempts: 2 } },
  execution: 'local',
  access: { reads: 'path' },
  concurrency: 2,
  approval: 'never',
  approvalTimeout: '1d',
  startCallsEarly: true,
  summary: ({ path }) => path,
  maxResultBytes: 2_000,
  deferLoading: false,
  allowedCallers: ['direct'],
  run: () => 'seen',
};

const AGENT: AgentOptions<unknown> = {
  name: 'tester',
  model: 'claude-opus-4-6',
  fallbacks: [{ model: 'claude-sonnet-4-6', prices: { input: 1, output: 2 } }],
  modelTaskQueue: 'models',
  system: 'Be brief.',
  tools: [defineTool(TOOL)],
  serverTools: [{ type: 'web_search_20250305', name: 'web_search' }],
  maxTokens: 1_000,
  limits: { rounds: 3 },
  onLimit: 'stop',
  output: z.object({ text: z.string() }),
  outputRepairs: 1,
  onToolFailure: 'report',
  batchTimeout: '5m',
  startCallsEarly: false,
  onApproval: () => undefined,
  contextSchema: z.object({}),
  compaction: {},
  parallelToolUse: true,
  thinking: { type: 'disabled' },
  effort: 'low',
  toolChoice: { type: 'auto' },
  stopSequences: ['.'],
  maxTokensRetry: 2_000,
  cache: false,
  prices: { input: 1, output: 2 },
};

function circular(): unknown {
  const value: Record<string, unknown> = { type: 'object', properties: {} };
  value['properties'] = { again: value };
  return value;
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const throws = () => {
  throw new RangeError('not today');
};

/** What a proxy may do with whatever is asked of it. */
const hostile = () => new Proxy({}, { get: throws, has: throws, ownKeys: throws });

const odd = fc.constantFrom<() => unknown>(
  () => 7n,
  () => Symbol('name'),
  () => Symbol.iterator,
  circular,
  revoked,
  hostile,
  () => ({
    type: 'object',
    get properties() {
      return throws();
    },
  }),
  () => ({ toString: throws, valueOf: throws, [Symbol.toPrimitive]: throws }),
  () => ({ toJSON: throws, type: 'object' }),
  () => new Map([['name', 1]]),
  () => new Set(['a']),
  () => /a/,
  () => new Date(Number.NaN),
  () => new Error('a'),
  () => Promise.resolve('a'),
  () =>
    function* () {
      yield 1;
    },
  () =>
    async function* () {
      yield 1;
    },
  () =>
    class Foo {
      a = 1;
    },
  () => async () => 'a',
  () => throws,
  () => Object.create(null) as unknown,
  () => Object.assign(Object.create({ name: 'inherited' }) as object, { a: 1 }),
  () => [undefined],
  () => [null],
  () => Array<unknown>(3),
  () => ({ type: 'object', properties: { a: { pattern: '(' } } }),
  () => ({ type: 'object', properties: { a: { const: 7n } } }),
  () => ({ _zod: 7 }),
  () => ({ _zod: { def: {}, run: () => 1 } }),
  () => ({ policy: 1 }),
  () => ({ name: 'a', policy: {}, spec: {}, parse: throws, run: throws }),
  () => ({ type: 'web_search_20250305', name: 'web_search', max_uses: 7n }),
  () => z.string(),
  () => z.object({ a: z.bigint() }),
  () => z.lazy(throws),
  () =>
    z.object({
      get a() {
        return throws();
      },
    }),
  () => z.object({ a: z.string().meta({ examples: [7n] }) }),
  () => '\u0000',
  () => '\uD83D',
  () => 'x'.repeat(100_000),
  () => Number.POSITIVE_INFINITY,
  () => -0,
  () => 2 ** 53,
);

/** As functions: fast-check looks into values, and not all of these can be looked into. */
const anything: fc.Arbitrary<() => unknown> = fc.oneof(
  odd,
  fc
    .anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    })
    .map((value) => () => value),
);

/** The options with the value in place of one of them, or of what is within it. */
function placed<T extends object>(options: T): fc.Arbitrary<() => unknown> {
  const names = Object.keys(options) as (keyof T)[];
  const change = (name: keyof T, make: () => unknown, how: number) => (): unknown => {
    const given: unknown = options[name];
    if (how < 3 || typeof given !== 'object' || given === null)
      return { ...options, [name]: make() };
    const value = Array.isArray(given)
      ? [...(given as unknown[]), make()]
      : Object.fromEntries(Object.keys(given).map((key) => [key, make()]));
    return { ...options, [name]: value };
  };
  const changed = fc
    .tuple(fc.constantFrom(...names), anything, fc.nat(4))
    .map((args) => change(...args));
  return fc.oneof({ arbitrary: changed, weight: 9 }, { arbitrary: anything, weight: 1 });
}

/** Whatever was declared can be sent and read; whatever was not was a `DeclarationError`. */
function declared<T>(declare: () => T): T | undefined {
  try {
    return declare();
  } catch (error) {
    expect(error).toBeInstanceOf(DeclarationError);
    expect((error as Error).message).toMatch(/^(defineTool|defineAgent|the options|agents)/);
    return undefined;
  }
}

test('the options that the tests mutate can be declared', () => {
  expect(defineAgent(AGENT).tools.get('look')).toMatchObject({ policy: { concurrency: 2 } });
});

test('declaring a tool with anything works, or throws a DeclarationError', () => {
  fc.assert(
    fc.property(placed(TOOL), (options) => {
      const tool = declared(() => defineTool(options() as typeof TOOL));
      if (tool !== undefined) expect(JSON.stringify(tool.spec)).toContain('"input_schema"');
    }),
    { numRuns: 1_000 },
  );
});

test('declaring an agent with anything works, or throws a DeclarationError', () => {
  fc.assert(
    fc.property(placed(AGENT), (options) => {
      const agent = declared(() => defineAgent(options() as typeof AGENT));
      if (agent !== undefined) expect(JSON.stringify(agent.spec)).toContain('"model"');
    }),
    { numRuns: 1_000 },
  );
});

test('giving a worker anything as agents works, or throws a DeclarationError', () => {
  const agent = defineAgent(AGENT);
  const list = fc.array(
    fc.oneof(
      anything,
      fc.constant(() => agent),
    ),
  );
  const options = fc.oneof(
    anything,
    anything.map((make) => () => ({ agents: make() })),
    list.map((makes) => () => ({ agents: makes.map((make) => make()) })),
  );
  fc.assert(
    fc.property(options, (given) => {
      const agents = declared(() => agentsOf(given())) ?? [];
      expect(agents.every((one) => one === agent)).toBe(true);
    }),
  );
});

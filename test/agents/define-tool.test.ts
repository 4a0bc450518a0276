import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { DeclarationError } from '../../agents/declaration-error.ts';
import { PlaitError } from '../../core/errors.ts';
import type { Agent } from '../../agents/define-agent.ts';
import { defineAgent } from '../../agents/define-agent.ts';
import type { Tool, ToolOptions } from '../../agents/define-tool.ts';
import { defineTool } from '../../agents/define-tool.ts';
import type { InputSchema } from '../../agents/input-schema.ts';
import { SPECIAL_NAMES, toolContext } from './tools.ts';

type Options = ToolOptions<InputSchema, unknown>;

const OPTIONS: Options = {
  name: 'get_orders',
  description: 'Reads the orders of a customer.',
  inputSchema: z.object({ customer_id: z.number() }),
  run: () => 'none',
};

/** Declares a tool with options of any type, as plain JavaScript may. */
const declare = (changes: Record<string, unknown>) => defineTool({ ...OPTIONS, ...changes });

describe('a declared tool', () => {
  test('has a spec for the model: its name, description and schema', () => {
    expect(defineTool(OPTIONS).spec).toEqual({
      name: 'get_orders',
      description: 'Reads the orders of a customer.',
      input_schema: {
        type: 'object',
        properties: { customer_id: { type: 'number' } },
        required: ['customer_id'],
      },
    });
  });

  test('takes a JSON Schema as it is', async () => {
    const inputSchema = {
      type: 'object',
      properties: { customer_id: { type: 'number' } },
      required: ['customer_id'],
    } as const;

    const tool = defineTool({ ...OPTIONS, inputSchema });

    expect(tool.spec.input_schema).toEqual(inputSchema);
    expect(await tool.parse({ customer_id: 7 })).toEqual({ ok: true, value: { customer_id: 7 } });
  });

  test('gives input and context to run', () => {
    const tool = defineTool({
      ...OPTIONS,
      run: (input, { context, idempotencyKey }) => [input, context, idempotencyKey],
    });

    expect(tool.run({ customer_id: 7 }, toolContext('acme'))).toEqual([
      { customer_id: 7 },
      'acme',
      'workflow/1/toolu_1',
    ]);
  });

  test.for([
    ['no hint', undefined, false],
    ['readOnlyHint', { readOnlyHint: true }, true],
    ['idempotentHint', { idempotentHint: true }, true],
    ['both hints set to false', { readOnlyHint: false, idempotentHint: false }, false],
    ['only destructiveHint: false', { destructiveHint: false }, false],
  ] as const)('may or may not be repeated with %s', ([, annotations, repeatable]) => {
    const { policy } = declare({ annotations });

    expect(policy.repeatable).toBe(repeatable);
  });

  test.for([
    ['only reads', { annotations: { readOnlyHint: true } }, true],
    [
      'only reads and says no',
      { annotations: { readOnlyHint: true }, startCallsEarly: false },
      false,
    ],
    ['may be repeated', { annotations: { idempotentHint: true } }, false],
    ['has no hint', {}, false],
  ] as const)('may or may not start calls early if it %s', ([, options, early]) => {
    expect(declare(options).startCallsEarly).toBe(early);
  });

  test('runs locally if it says so, with five seconds for an attempt', () => {
    const annotations = { idempotentHint: true };

    expect(declare({ annotations, execution: 'local' }).policy).toMatchObject({
      execution: 'local',
      startToCloseTimeout: 5_000,
    });
    expect(declare({ annotations, execution: 'activity' }).policy).toEqual(
      declare({ annotations }).policy,
    );
    expect(declare({ annotations }).policy).not.toHaveProperty('execution');
  });

  test('has the declared times in milliseconds', () => {
    const { policy } = defineTool({
      ...OPTIONS,
      annotations: { readOnlyHint: true },
      activity: {
        startToCloseTimeout: '5m',
        heartbeatTimeout: 500,
        scheduleToStartTimeout: '1 hour',
        scheduleToCloseTimeout: '2h',
        retry: { maximumAttempts: 1, initialInterval: '10ms', maximumInterval: '1s' },
      },
    });

    expect(policy).toMatchObject({
      startToCloseTimeout: 300_000,
      heartbeatTimeout: 500,
      scheduleToStartTimeout: 3_600_000,
      scheduleToCloseTimeout: 7_200_000,
      retry: { maximumAttempts: 1, initialInterval: 10, maximumInterval: 1_000 },
    });
  });

  test.for([...SPECIAL_NAMES, '-', 'x'.repeat(64)])('may be named %s', (name) => {
    expect(declare({ name })).toMatchObject({ name, spec: { name } });
  });

  test('keeps its annotations for people', () => {
    const annotations = { title: 'Orders', readOnlyHint: true, openWorldHint: false };

    expect(defineTool({ ...OPTIONS, annotations }).annotations).toEqual(annotations);
    expect(defineTool(OPTIONS).annotations).toEqual({});
  });
});

const noDuration = (value: string) =>
  `must be a duration from 1 ms to 36,500 days: a number of milliseconds, or a text like '30s' or '2m'; got ${value}`;

function* generator() {
  yield 'never';
}

async function* asyncGenerator() {
  yield 'never';
}

const NO_GENERATOR =
  'must not be a generator function, whose body would never run; use a function that returns a value or a promise; got a function';

class Lookup {
  readonly name = 'lookup';
}

const NO_CLASS = 'must not be a class, which needs new; use a function; got a function';

const LOCAL = { execution: 'local', annotations: { readOnlyHint: true } };

describe('a declaration of a tool is invalid', () => {
  const NAME = 'name must be 1 to 64 letters, digits, "_" and "-"; got';
  const DESCRIPTION = 'description must not be blank: the model chooses tools by it; got';
  const SCHEMA = 'inputSchema must be a zod schema or a JSON Schema; got';
  const KNOWN =
    'name, description, inputSchema, annotations, activity, execution, access, concurrency, approval, approvalTimeout, summary, startCallsEarly, maxResultBytes, deferLoading, allowedCallers, run';
  const KNOWN_TIMES =
    'startToCloseTimeout, heartbeatTimeout, scheduleToStartTimeout, scheduleToCloseTimeout, taskQueue, retry';
  const KNOWN_RETRY =
    'maximumAttempts, initialInterval, maximumInterval, backoffCoefficient, nonRetryableErrorTypes';
  const KNOWN_HINTS = 'title, readOnlyHint, destructiveHint, idempotentHint, openWorldHint';

  test.for([
    ['without a name', { name: undefined }, 'name must be a text; got undefined'],
    ['with an empty name', { name: '' }, `${NAME} ""`],
    ['with a dot in its name', { name: 'plait.callModel' }, `${NAME} "plait.callModel"`],
    ['with a name that is too long', { name: 'x'.repeat(65) }, `${NAME} "${'x'.repeat(65)}"`],
    [
      'with a name that Temporal reserves',
      { name: '__temporal_x' },
      'name must not begin with "__temporal_", which Temporal reserves; got "__temporal_x"',
    ],
    [
      'with the name of a query of Temporal',
      { name: '__stack_trace' },
      'name is reserved by Temporal; choose another name; got "__stack_trace"',
    ],
    [
      'with half an emoji in its description',
      { description: 'Reads \ud83d' },
      'description holds half of an emoji or of another pair of characters, which the API rejects: was it cut with slice()?',
    ],
    [
      'with half an emoji in its schema',
      { inputSchema: { type: 'object', properties: { a: { description: 'cut \ud83d' } } } },
      'inputSchema.properties.a.description holds half of an emoji or of another pair of characters, which the API rejects: was it cut with slice()?',
    ],
    [
      'with a task queue that the server does not take',
      { activity: { taskQueue: 'x'.repeat(1_001) } },
      `activity.taskQueue must have at most 1000 bytes; it has 1001; got "${'x'.repeat(99)}…"`,
    ],
    [
      'with more attempts than Temporal counts',
      { activity: { retry: { maximumAttempts: 3_000_000_000 } } },
      'activity.retry.maximumAttempts must be a whole number from 1 to 2147483647; got 3000000000',
    ],
    [
      'with a time that nobody lives to see',
      { approvalTimeout: '99999999999999y' },
      `approvalTimeout ${noDuration('"99999999999999y"')}`,
    ],
    [
      'without a description',
      { description: undefined },
      'description must be a text; got undefined',
    ],
    ['with a blank description', { description: ' \n' }, String.raw`${DESCRIPTION} " \n"`],
    ['without a schema', { inputSchema: undefined }, `${SCHEMA} undefined`],
    ['with a text as its schema', { inputSchema: 'string' }, `${SCHEMA} "string"`],
    ['without run', { run: undefined }, 'run must be a function; got undefined'],
    ['with a generator as run', { run: generator }, `run ${NO_GENERATOR}`],
    ['with an asynchronous one', { run: asyncGenerator }, `run ${NO_GENERATOR}`],
    ['with a bound one', { run: generator.bind(undefined) }, `run ${NO_GENERATOR}`],
    ['with a generator as approval', { approval: generator }, `approval ${NO_GENERATOR}`],
    ['with a generator as access', { access: asyncGenerator }, `access ${NO_GENERATOR}`],
    ['with a class as run', { run: Lookup }, `run ${NO_CLASS}`],
    ['with a class of JavaScript', { run: Map }, `run ${NO_CLASS}`],
    ['with a proxy of a class', { run: new Proxy(Lookup, {}) }, `run ${NO_CLASS}`],
    ['with a class as approval', { approval: Lookup }, `approval ${NO_CLASS}`],
    ['with a class as access', { access: Lookup }, `access ${NO_CLASS}`],
    [
      'with an option that does not exist',
      { timeout: '5s' },
      `unknown option timeout; known options: ${KNOWN}`,
    ],
    [
      'with several options that do not exist',
      { timeout: '5s', retries: 3 },
      `unknown options timeout, retries; known options: ${KNOWN}`,
    ],
    [
      'with an activity option that does not exist',
      { activity: { timeout: '5s' } },
      `unknown option activity.timeout; known options: ${KNOWN_TIMES}`,
    ],
    [
      'with a retry option that does not exist',
      { activity: { retry: { attempts: 3 } } },
      `unknown option activity.retry.attempts; known options: ${KNOWN_RETRY}`,
    ],
    [
      'with a hint that does not exist',
      { annotations: { readOnly: true } },
      `unknown option annotations.readOnly; known options: ${KNOWN_HINTS}`,
    ],
    [
      'with a text for a hint',
      { annotations: { readOnlyHint: 'yes' } },
      'annotations.readOnlyHint must be true or false; got "yes"',
    ],
    [
      'with early starts of a tool that may change something',
      { startCallsEarly: true, annotations: { idempotentHint: true } },
      'startCallsEarly needs annotations.readOnlyHint, since the reply may never count and its calls must change nothing; set the hint, or leave out startCallsEarly',
    ],
    [
      'with local execution of a tool that must not be repeated',
      { execution: 'local' },
      "execution: 'local' needs annotations.readOnlyHint or idempotentHint, since a call runs again when its worker is lost; say so if that does no harm, or leave out execution",
    ],
    [
      'with local execution and a person who must allow it',
      { ...LOCAL, approval: 'always' },
      "execution: 'local' excludes approval, since a workflow task does not wait for a person; leave out one of them",
    ],
    [
      'with local execution and a task queue',
      { ...LOCAL, activity: { taskQueue: 'gpu' } },
      "execution: 'local' excludes activity.taskQueue, since a local call runs in the worker that has the turn; leave out one of them",
    ],
    [
      'with local execution and much time',
      { ...LOCAL, activity: { startToCloseTimeout: '6s' } },
      "activity.startToCloseTimeout must be at most 5000 ms with execution: 'local', since the turn hears nothing meanwhile; got 6000 ms; give less, or leave out execution",
    ],
    [
      'with local execution and a single attempt',
      { ...LOCAL, activity: { retry: { maximumAttempts: 1 } } },
      "activity.retry.maximumAttempts must be more than 1 with execution: 'local', since a call runs again when its worker is lost; leave out one of them",
    ],
    [
      'with another place to run',
      { execution: 'inline' },
      'execution must be "activity" or "local"; got "inline"',
    ],
    [
      'with a time that is not a duration',
      { activity: { startToCloseTimeout: 'soon' } },
      `activity.startToCloseTimeout ${noDuration('"soon"')}`,
    ],
    [
      'with no time',
      { activity: { heartbeatTimeout: 0 } },
      `activity.heartbeatTimeout ${noDuration('0')}`,
    ],
    [
      'with a time in the past',
      { activity: { scheduleToCloseTimeout: '-5s' } },
      `activity.scheduleToCloseTimeout ${noDuration('"-5s"')}`,
    ],
    [
      'with no attempts',
      { activity: { retry: { maximumAttempts: 0 } } },
      'activity.retry.maximumAttempts must be a whole number from 1 to 2147483647; got 0',
    ],
    [
      'with half an attempt',
      { activity: { retry: { maximumAttempts: 1.5 } } },
      'activity.retry.maximumAttempts must be a whole number from 1 to 2147483647; got 1.5',
    ],
    [
      'with waits that become shorter',
      { activity: { retry: { backoffCoefficient: 0.5 } } },
      'activity.retry.backoffCoefficient must be at least 1; got 0.5',
    ],
    [
      'with a first wait above the longest',
      { activity: { retry: { initialInterval: '1m', maximumInterval: '30s' } } },
      'activity.retry.initialInterval must not be above maximumInterval (30000 ms); got "1m"',
    ],
    [
      'with approval for calls by code',
      { approval: 'always', allowedCallers: ['code_execution_20260120'] },
      'approval: code that calls the tool waits a few minutes at most, and cannot wait for a person; leave out approval, or code_execution in allowedCallers',
    ],
    [
      'with everything that is wrong with it at once',
      { name: 'get orders', description: '', activity: { retry: { maximumAttempts: 0 } } },
      [
        '',
        `1. ${NAME} "get orders"`,
        `2. ${DESCRIPTION} ""`,
        '3. activity.retry.maximumAttempts must be a whole number from 1 to 2147483647; got 0',
      ].join('\n  '),
    ],
  ] as const)('%s', ([, changes, problem]) => {
    const name = JSON.stringify('name' in changes ? changes.name : OPTIONS.name);

    expect(() => declare(changes)).toThrow(
      new DeclarationError(
        `defineTool(${name ?? 'undefined'}):${problem.startsWith('\n') ? '' : ' '}${problem}`,
      ),
    );
  });

  test.for([undefined, null, 'get_orders'])('if it is not an object: %s', (options) => {
    expect(() => defineTool(options as unknown as Options)).toThrow(DeclarationError);
  });

  test('and the error is a PlaitError, for callers that do not know its class', () => {
    expect(() => declare({ run: 7 })).toThrow(PlaitError);
  });
});

describe('the compiler', () => {
  test('knows the input of run from a zod schema, after its defaults and transforms', () => {
    defineTool({
      ...OPTIONS,
      inputSchema: z.object({
        customer_id: z.string().transform(Number),
        limit: z.number().default(10),
        plan: z.enum(['free', 'pro']).optional(),
      }),
      run: (input) => {
        expectTypeOf(input).toEqualTypeOf<{
          customer_id: number;
          limit: number;
          plan?: 'free' | 'pro' | undefined;
        }>();
      },
    });
  });

  test('knows only that a JSON Schema describes an object', () => {
    defineTool({
      ...OPTIONS,
      inputSchema: { type: 'object', properties: { customer_id: { type: 'number' } } },
      run: (input) => {
        expectTypeOf(input).toEqualTypeOf<Record<string, unknown>>();
      },
    });
  });

  test('lets a tool say what context it needs, and only agents with that context accept it', () => {
    interface Tenant {
      tenant: string;
    }
    const tool = defineTool({
      ...OPTIONS,
      inputSchema: z.object({}),
      run: (_input, ctx: { context: Tenant }) => ctx.context.tenant,
    });
    expectTypeOf(tool).toEqualTypeOf<Tool<Tenant>>();
    expectTypeOf(tool).not.toExtend<Tool<{ user: string }>>();
    expectTypeOf(tool).not.toExtend<Tool>();
    const agent = defineAgent({
      name: 'support',
      model: 'claude-opus-5-5',
      tools: [tool],
      contextSchema: z.object({ tenant: z.string() }),
    });

    expectTypeOf(agent).toEqualTypeOf<Agent<Tenant>>();
    expect(agent.tools.get('get_orders')?.run({}, toolContext({ tenant: 'acme' }))).toBe('acme');
  });
});

import { describe, expect, test } from 'vitest';
import { isMcpServer } from '../../agents/mcp-server.ts';
import { listingOf, withServed } from '../../agents/served-tools.ts';
import { defineAgent, defineTool } from '../../index.ts';
import type { McpServerOptions } from '../../mcp/index.ts';
import { mcpServer } from '../../mcp/index.ts';

const transport = { type: 'stdio', command: 'server' } as const;
const declare = (options: Partial<McpServerOptions> = {}) =>
  mcpServer({ name: 'files', transport, ...options });
const agentWith = (...servers: Parameters<typeof defineAgent>[0]['tools'] & object) =>
  defineAgent({ name: 'clerk', model: 'claude-opus-5-5', tools: servers });

describe('the declaration of a server is invalid', () => {
  test.for<[string, object, string]>([
    ['without a name', { name: '' }, 'name must be 1 to 32 letters'],
    ['with "__" in its name', { name: 'a__b' }, 'name must not hold "__"'],
    ['without a transport', { transport: undefined }, 'transport must be an object'],
    [
      'with another transport',
      { transport: { type: 'sse' } },
      'transport.type must be "stdio" or "http"',
    ],
    ['without a command', { transport: { type: 'stdio', command: ' ' } }, 'transport.command'],
    [
      'with another URL',
      { transport: { type: 'http', url: 'ftp://a' } },
      'must be a URL with http',
    ],
    [
      'with a password in its URL',
      { transport: { type: 'http', url: 'https://ana:key@mcp.example' } },
      'must not hold a user name or a password; use headers',
    ],
    [
      'with headers of numbers',
      { transport: { type: 'http', url: 'https://a', headers: { a: 1 } } },
      'transport.headers',
    ],
    ['with a blank list', { allow: [] }, 'allow must not be empty'],
    ['with an unknown option', { denied: ['a'] }, 'unknown option denied'],
    ['with an unknown setting', { tools: { a: { run: () => 1 } } }, 'unknown option tools.a.run'],
    ['with another choice', { onUnavailable: 'wait' }, 'onUnavailable must be'],
    [
      'with early starts of what may write',
      { tools: { a: { startCallsEarly: true } } },
      'tools.a.startCallsEarly',
    ],
  ])('%s', ([, options, problem]) => {
    expect(() => declare(options)).toThrow(problem);
  });
});

describe('the declaration of an agent with servers is invalid', () => {
  test('with two servers of the same name', () => {
    expect(() => agentWith(declare(), declare())).toThrow('two servers are named files');
  });

  test('with a tool whose name could be that of a tool of the server', () => {
    const own = defineTool({
      name: 'files__read',
      description: 'Reads.',
      inputSchema: { type: 'object' },
      run: () => 1,
    });
    expect(() => agentWith(own, declare())).toThrow('files__read could be a tool of a server');
  });

  test('with tools that must be searched for, and no search', () => {
    expect(() => agentWith(declare({ deferLoading: true }))).toThrow(
      'the server files has deferLoading; add a tool_search_tool to serverTools',
    );
  });
});

test('a server is recognized by its shape, and its queues and its waits for people count', () => {
  const server = declare({
    activity: { taskQueue: 'files' },
    tools: { write: { approval: 'always', activity: { taskQueue: 'slow' } } },
  });
  expect(isMcpServer(server)).toBe(true);
  expect(isMcpServer({ name: 'files' })).toBe(false);
  expect(server.taskQueues).toEqual(['files', 'slow']);
  const agent = agentWith(server);
  expect(agent.servers).toEqual([server]);
  // People take longer than five minutes.
  expect(agent.spec.cache).toEqual({ ttl: '1h' });
  expect(agent.spec.system).toContain('use_parallel_tool_calls');
});

const object = { type: 'object' };

describe('from the list of a server, an agent gets', () => {
  const listed = [
    { name: 'write', description: 'Writes.', inputSchema: object },
    {
      name: 'read',
      title: 'Read',
      inputSchema: { ...object, $schema: 'https://json-schema.org/draft/2020-12/schema' },
      annotations: { readOnlyHint: true },
      outputSchema: object,
    },
  ];

  test('the tools sorted by name, in a form that the API accepts', async () => {
    expect(await listingOf(declare(), listed)).toEqual({
      served: {
        server: 'files',
        tools: [
          {
            name: 'files__read',
            tool: 'read',
            annotations: { readOnlyHint: true },
            outputSchema: object,
          },
          { name: 'files__write', tool: 'write' },
        ],
      },
      specs: [
        { name: 'files__read', description: 'Read', input_schema: object },
        { name: 'files__write', description: 'Writes.', input_schema: object },
      ],
      problems: [],
    });
  });

  test('only those that are selected, with a warning for names that it does not have', async () => {
    const server = declare({ allow: ['read', 'raed'], tools: { move: { concurrency: 1 } } });
    const { specs, problems } = await listingOf(server, listed);
    expect(specs.map(({ name }) => name)).toEqual(['files__read']);
    expect(problems).toEqual(['allow: it has no tool raed', 'tools: it has no tool move']);
  });

  test('none that the API would reject, but all others', async () => {
    const { specs, problems } = await listingOf(declare(), [
      ...listed,
      { name: 'list', inputSchema: { type: 'array' } },
      { name: 'odd', inputSchema: { type: 'object', properties: { a: { type: 'strnig' } } } },
      { name: 'none', inputSchema: undefined },
      { name: 'choice', inputSchema: { ...object, oneOf: [{ required: ['a'] }] } },
    ]);
    expect(specs.map(({ name }) => name)).toEqual([
      'files__choice',
      'files__none',
      'files__read',
      'files__write',
    ]);
    expect(specs[0]?.input_schema).toEqual(object);
    expect(problems).toEqual([
      expect.stringContaining('list is left out: its inputSchema must describe an object'),
      expect.stringContaining('odd is left out'),
    ]);
  });

  test('none that runs only as a task, which Plait could not call', async () => {
    const { specs, problems } = await listingOf(declare(), [
      ...listed,
      { name: 'brew', inputSchema: object, execution: { taskSupport: 'required' } },
      { name: 'bake', inputSchema: object, execution: { taskSupport: 'optional' } },
    ]);
    expect(specs.map(({ name }) => name)).toEqual(['files__bake', 'files__read', 'files__write']);
    expect(problems).toEqual([expect.stringContaining('brew is left out: it runs only as a task')]);
  });

  test('tools that must be searched for, if the server or the tool says so', async () => {
    const all = await listingOf(
      declare({ deferLoading: true, tools: { read: { deferLoading: false } } }),
      listed,
    );
    expect(all.specs.map(({ defer_loading: deferred }) => deferred)).toEqual([undefined, true]);
  });
});

const toolsOf = async (options: Partial<McpServerOptions> = {}) => {
  const server = declare(options);
  const { served, specs } = await listingOf(declare(), [
    { name: 'read', inputSchema: object, annotations: { readOnlyHint: true } },
    { name: 'set', inputSchema: object, annotations: { idempotentHint: true } },
    { name: 'write', inputSchema: object },
  ]);
  const agent = agentWith(server);
  const spec = { ...agent.spec, tools: specs, served: [served] };
  return withServed(agent, spec, () => Promise.reject(new Error('not here'))).tools;
};

describe('a tool of a server', () => {
  test('runs beside others if it only reads, and otherwise in the order of its server', async () => {
    const tools = await toolsOf();
    expect(tools.get('files__read')?.access).toBeUndefined();
    expect(tools.get('files__set')?.access).toEqual({ inOrder: 'files' });
    expect(tools.get('files__write')?.access).toEqual({ inOrder: 'files' });
  });

  test('is repeated only if it says that this does no harm', async () => {
    const tools = await toolsOf();
    const repeatable = [...tools.values()].map(({ name, policy }) => [name, policy.repeatable]);
    expect(repeatable).toEqual([
      ['files__read', true],
      ['files__set', true],
      ['files__write', false],
    ]);
  });

  test('follows the declaration, whatever the server says', async () => {
    const tools = await toolsOf({
      activity: { heartbeatTimeout: '30s' },
      tools: {
        read: { annotations: { readOnlyHint: false } },
        write: {
          annotations: { readOnlyHint: true },
          access: 'exclusive',
          approval: 'always',
          approvalTimeout: '1m',
          concurrency: 2,
          startCallsEarly: true,
          maxResultBytes: 5_000,
          activity: { taskQueue: 'slow' },
        },
      },
    });
    expect(tools.get('files__read')).toMatchObject({
      policy: { repeatable: false, heartbeatTimeout: 30_000, startToCloseTimeout: 3_600_000 },
      access: { inOrder: 'files' },
      startCallsEarly: false,
      approval: 'never',
    });
    expect(tools.get('files__write')).toMatchObject({
      policy: {
        repeatable: true,
        taskQueue: 'slow',
        concurrency: 2,
        approvalTimeout: 60_000,
        server: 'files',
      },
      access: 'exclusive',
      approval: 'always',
      startCallsEarly: true,
      maxResultBytes: 5_000,
    });
  });

  test('is gone when it is denied, even for turns that know it', async () => {
    expect([...(await toolsOf({ deny: ['write'] })).keys()]).toEqual(['files__read', 'files__set']);
  });

  test('is gone when the agent has its server no more', async () => {
    const { served, specs } = await listingOf(declare(), [{ name: 'read', inputSchema: object }]);
    const agent = defineAgent({ name: 'clerk', model: 'claude-opus-5-5' });
    const spec = { ...agent.spec, tools: specs, served: [served] };
    expect(withServed(agent, spec, () => Promise.reject(new Error('no'))).tools.size).toBe(0);
  });
});

test.each<[transport: Parameters<typeof mcpServer>[0]['transport'], attributes: object]>([
  [{ type: 'stdio', command: 'server' }, { 'network.transport': 'pipe' }],
  [
    { type: 'http', url: 'https://mcp.example.com/mcp' },
    { 'network.transport': 'tcp', 'server.address': 'mcp.example.com', 'server.port': 443 },
  ],
  [{ type: 'http', url: 'http://localhost/mcp' }, { 'server.port': 80 }],
  [
    { type: 'http', url: 'http://[::1]:8080/' },
    { 'server.address': '::1', 'server.port': 8080 },
  ],
])('spans of the calls of a server say how it is reached: %o', (transport, attributes) => {
  expect(mcpServer({ name: 'files', transport }).spanAttributes).toMatchObject(attributes);
});

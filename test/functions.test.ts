import { expect, test } from 'vitest';
import { createActivities } from '../activities/index.ts';
import { AgentClient } from '../client/index.ts';
import { PlaitError } from '../core/errors.ts';
import { defineAgent, defineTool } from '../index.ts';
import {
  encryptedBy,
  liveKeys,
  postgresStorage,
  s3Storage,
  sweep,
  withStorage,
} from '../storage/index.ts';
import {
  conversation,
  defineEval,
  firstAttempts,
  paced,
  runEval,
  say,
  script,
  startMcpServer,
  startMessagesServer,
  startTemporalServer,
  startTestEnvironment,
  times,
  withToolFaults,
} from '../testing/index.ts';
import { mcpServer } from '../mcp/index.ts';
import { createWorker } from '../worker/index.ts';

class Base {
  id = 1;
}
class Derived extends Base {}
async function* generate() {}

/** What no entry point takes where it asks for a function that it calls. */
const NOT_FUNCTIONS: [string, unknown][] = [
  ['null', null],
  ['a number', 5],
  ['a text', 'text'],
  ['{}', {}],
  ['a class', Base],
  ['a bound class', Base.bind(null)],
  ['a bound class that extends another', Derived.bind(null)],
  ['a class that is bound twice', Base.bind(null).bind(null)],
  ['a proxy of a bound class', new Proxy(Base.bind(null), {})],
  ['a bound class of JavaScript', Map.bind(null)],
  ['a generator function', function* () {}],
  ['a bound generator function', generate.bind(null)],
];
/** The same where the function may return a generator. */
const NOT_SOURCES = NOT_FUNCTIONS.filter(([label]) => !label.includes('generator'));
/** The same where values of other types may mean something. */
const UNCALLABLE = NOT_FUNCTIONS.filter(([, value]) => typeof value === 'function');

type Any = never;
type Entry = [option: string, call: (value: unknown) => unknown, values: typeof NOT_FUNCTIONS];

const name = 'f';
const model = 'claude-opus-5-5';
const f = () => 1 as Any;
const toolOptions = { name, description: 'd', inputSchema: { type: 'object' } as const, run: f };
const agents = [defineAgent({ name, model, tools: [defineTool(toolOptions)] })] as const;
const { client } = new AgentClient();
const driver = { name, type: name, store: f, retrieve: f };
const transport = { publish: f, subscribe: f };
const objects = { list: f, remove: f } as Any;
const sweeping = { live: f, writtenBefore: new Date() };

const http = { type: 'http', url: 'http://localhost:9' } as const;

const evalCase = { name, input: 'a', expect: f };
const evalWith = (more: object) => defineEval({ agent: agents[0], cases: [evalCase], ...more });

const worker = (more: object) => createWorker({ agents, ...more });

const ENTRIES: Entry[] = [
  ['run', (v) => defineTool({ ...toolOptions, run: v as Any }), NOT_FUNCTIONS],
  ['approval', (v) => defineTool({ ...toolOptions, approval: v as Any }), NOT_FUNCTIONS],
  ['access', (v) => defineTool({ ...toolOptions, access: v as Any }), UNCALLABLE],
  ['onApproval', (v) => defineAgent({ name, model, onApproval: v as Any }), NOT_FUNCTIONS],

  [
    'transport.headers',
    (v) => mcpServer({ name, transport: { ...http, headers: v as Any } }),
    UNCALLABLE,
  ],
  [
    'transport.auth',
    (v) => mcpServer({ name, transport: { ...http, auth: v as Any } }),
    NOT_FUNCTIONS,
  ],

  ['authorizeDecision', (v) => worker({ authorizeDecision: v }), NOT_FUNCTIONS],
  ['storage', (v) => worker({ storage: { ...driver, store: v } }), NOT_FUNCTIONS],
  ['storage', (v) => worker({ storage: { ...driver, retrieve: v } }), NOT_FUNCTIONS],
  ['streamTransport', (v) => worker({ streamTransport: { publish: v } }), NOT_FUNCTIONS],
  ['streamTransport', (v) => worker({ streamTransport: { subscribe: v } }), NOT_FUNCTIONS],
  ['anthropic.apiKey', (v) => worker({ anthropic: { apiKey: v } }), UNCALLABLE],
  ['anthropic.fetch', (v) => worker({ anthropic: { fetch: v } }), NOT_FUNCTIONS],
  ['anthropic.messages', (v) => worker({ anthropic: { messages: { create: v } } }), NOT_FUNCTIONS],
  ['activities.own', (v) => worker({ activities: { own: v } }), UNCALLABLE],
  ['webpackConfigHook', (v) => worker({ bundlerOptions: { webpackConfigHook: v } }), NOT_FUNCTIONS],
  [
    'authorizeDecision',
    (v) => createActivities({ agents, authorizeDecision: v as Any }),
    NOT_FUNCTIONS,
  ],

  ['onWarning', (v) => new AgentClient({ client, onWarning: v as Any }), NOT_FUNCTIONS],
  [
    'streamTransport',
    (v) => new AgentClient({ client, streamTransport: { ...transport, subscribe: v as Any } }),
    NOT_FUNCTIONS,
  ],
  ['storage', (v) => new AgentClient({ storage: { ...driver, store: v as Any } }), NOT_FUNCTIONS],

  ['storage', (v) => withStorage(undefined, { ...driver, retrieve: v as Any }), NOT_FUNCTIONS],
  ['encryptedBy', (v) => encryptedBy({ encode: v as Any, decode: f }), NOT_FUNCTIONS],
  ['encryptedBy', (v) => encryptedBy({ encode: f, decode: v as Any }), NOT_FUNCTIONS],
  ['pool', (v) => postgresStorage({ pool: { connect: v } as Any }), NOT_FUNCTIONS],
  ['client', (v) => s3Storage({ bucket: 'b', client: { send: v } as Any }), NOT_FUNCTIONS],
  ['list', (v) => sweep({ remove: f, list: v } as Any, sweeping), NOT_SOURCES],
  ['remove', (v) => sweep({ list: f, remove: v } as Any, sweeping), NOT_FUNCTIONS],
  ['live', (v) => sweep(objects, { ...sweeping, live: v as Any }), NOT_SOURCES],
  ['onProgress', (v) => sweep(objects, { ...sweeping, onProgress: v as Any }), NOT_FUNCTIONS],
  ['onProgress', (v) => liveKeys(client, { onProgress: v as Any }).next(), NOT_FUNCTIONS],
  ['onUnreadable', (v) => liveKeys(client, { onUnreadable: v as Any }).next(), NOT_FUNCTIONS],

  ['script', (v) => startTestEnvironment({ agents, script: v as Any }), NOT_FUNCTIONS],
  ['script', (v) => evalWith({ script: v }), NOT_FUNCTIONS],
  ['decide', (v) => evalWith({ decide: v }), NOT_FUNCTIONS],
  ['expect', (v) => evalWith({ cases: [{ ...evalCase, expect: v as Any }] }), NOT_FUNCTIONS],
  ['onProgress', (v) => runEval(evalWith({}), { onProgress: v as Any }), NOT_FUNCTIONS],
  ['script', (v) => startMessagesServer({ script: v as Any }), NOT_FUNCTIONS],
  [
    'afterBlock',
    (v) => startMessagesServer({ script: f, pace: { afterBlock: v as Any } }),
    NOT_FUNCTIONS,
  ],
  ['afterBlock', (v) => paced({ afterBlock: v as Any }, say('a')), NOT_FUNCTIONS],
  ['onProgress', (v) => startTemporalServer({ onProgress: v as Any }), NOT_FUNCTIONS],
  ['script 1', (v) => script(v as Any), NOT_FUNCTIONS],
  ['user', (v) => conversation(v as Any, []), UNCALLABLE],
  ['reply 1', (v) => conversation('a', [v as Any]), UNCALLABLE],
  ['reply', (v) => times(1, v as Any, say('a')), UNCALLABLE],
  ['reply', (v) => times(1, say('a'), v as Any), UNCALLABLE],
  ['run', (v) => startMcpServer({ tools: { f: { run: v as Any } } }), NOT_FUNCTIONS],
  ['fault', (v) => firstAttempts(1, v as Any), NOT_FUNCTIONS],
  ['fault of f', (v) => withToolFaults(agents[0], { f: v as Any }), NOT_FUNCTIONS],
];

test.each(ENTRIES)(
  'a function that cannot be called is rejected, and the error names the option: %s',
  async (option, call, values) => {
    const wrong: string[] = [];
    for (const [label, value] of values) {
      let error: unknown = 'took it';
      try {
        await call(value);
      } catch (thrown) {
        error = thrown;
      }
      const isNamed = error instanceof PlaitError && error.message.includes(option);
      if (!isNamed) wrong.push(`${label}: ${String(error)}`);
    }
    expect(wrong).toEqual([]);
  },
);

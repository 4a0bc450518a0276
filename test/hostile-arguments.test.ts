import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { expect, inject, test } from 'vitest';
import { withDefaults } from '../client/connection-options.ts';
import { createActivities } from '../activities/index.ts';
import { AgentClient } from '../client/index.ts';
import { PlaitError } from '../core/errors.ts';
import { defineAgent, defineTool } from '../index.ts';
import {
  directoryStorage,
  encryptedBy,
  liveKeys,
  openStorage,
  postgresStorage,
  s3Storage,
  sweep,
  withStorage,
} from '../storage/index.ts';
import { openTransport, postgresTransport, redisTransport } from '../transport/index.ts';
import {
  callTools,
  conversation,
  defineEval,
  defineJudge,
  expectTurn,
  recordHistory,
  replayHistories,
  runEval,
  say,
  script,
  startMessagesServer,
  startTemporalServer,
  startTestEnvironment,
  withToolFaults,
} from '../testing/index.ts';
import { createWorker } from '../worker/index.ts';

const circular: Record<string, unknown> = {};
circular['self'] = circular;
const bare = Object.create(null) as object;

/** What no entry point takes where it asks for an object. */
const NOT_OBJECTS: [string, unknown][] = [
  ['null', null],
  ['a number', 5],
  ['a bigint', 5n],
  ['a text', 'text'],
  ['a symbol', Symbol('s')],
  ['a function', () => 5],
  ['a list', [null]],
];
/** What no entry point takes where it asks for a text. */
const NOT_TEXTS: [string, unknown][] = [
  ['null', null],
  ['nothing', undefined],
  ['an empty text', ''],
  ['a number', 5],
  ['a bigint', 5n],
  ['a symbol', Symbol('s')],
  ['a circular object', circular],
  ['an object without a prototype', bare],
  ['a list', [['a']]],
  ['a function', () => 'a'],
];
/** What no entry point takes where it asks for a stream transport. */
const NOT_TRANSPORTS: [string, unknown][] = [
  ...NOT_OBJECTS,
  ['{}', {}],
  ['half of one', { publish: () => Promise.resolve() }],
];
/** What is not JSON. */
const NOT_JSON: [string, unknown][] = [
  ['a bigint', 5n],
  ['a circular object', circular],
  ['a bigint within', { deep: [5n] }],
  ['a Map', new Map([['a', 1]])],
  ['a Set within', { deep: [new Set([1])] }],
  ['an error with a code', Object.assign(new Error('no'), { code: 'ENOENT' })],
  ['a promise', Promise.resolve(1)],
  ['bytes', new Uint8Array(3)],
  ['no number', { deep: Number.NaN }],
  ['a function', { deep: () => 1 }],
  [
    'a throwing toJSON',
    {
      toJSON: () => {
        throw new Error('no');
      },
    },
  ],
];

type Any = never;
type Entry = [name: string, call: (value: unknown) => unknown, values: [string, unknown][]];

function entries(agents: AgentClient, taskQueue: string): Entry[] {
  const { client } = agents;
  const agent = defineAgent({ name: 'a', model: 'claude-opus-5-5' });
  const evaluation = defineEval({
    agent,
    cases: [{ name: 'a', input: 'a', expect: () => undefined }],
  });
  const long: [string, unknown] = ['2,000 characters', 'x'.repeat(2_000)];
  const turn = agents.getTurn('hostile');
  const by = 'ana';
  return [
    ['new AgentClient(…)', (v) => new AgentClient(v as Any), NOT_OBJECTS],
    [
      'AgentClient client',
      (v) => new AgentClient({ client: v as Any }),
      [...NOT_OBJECTS, ['{}', {}]],
    ],
    [
      'AgentClient streamTransport',
      (v) => new AgentClient({ client, streamTransport: v as Any }),
      NOT_TRANSPORTS,
    ],
    [
      'AgentClient taskQueue',
      (v) => new AgentClient({ client, taskQueue: v as Any }),
      NOT_TEXTS.filter(([, v]) => v !== undefined),
    ],
    [
      'AgentClient workerTimeout',
      (v) => new AgentClient({ client, workerTimeout: v as Any }),
      [
        ['null', null],
        ['5n', 5n],
        ['a text', 'soon'],
        ['-1', -1],
        ['NaN', Number.NaN],
        ['circular', circular],
      ],
    ],
    [
      'AgentClient onWarning',
      (v) => new AgentClient({ client, onWarning: v as Any }),
      [
        ['null', null],
        ['a text', 'x'],
      ],
    ],
    [
      'start agent',
      (v) => agents.start(v as Any, 'go'),
      [...NOT_TEXTS, ['{}', {}], ['a bigint name', { name: 5n }]],
    ],
    [
      'start input',
      (v) => agents.start('a', v as Any),
      [
        ...NOT_TEXTS,
        ['[null]', [null]],
        ['{}', {}],
        ['a bigint in a block', [{ type: 'text', text: 5n }]],
      ],
    ],
    ['start options', (v) => agents.start('a', 'go', v as Any), NOT_OBJECTS],
    [
      'start turnId',
      (v) => agents.start('a', 'go', { turnId: v as Any }),
      [...NOT_TEXTS.filter(([, v]) => v !== undefined), long],
    ],
    [
      'start taskQueue',
      (v) => agents.start('a', 'go', { taskQueue: v as Any }),
      [...NOT_TEXTS.filter(([, v]) => v !== undefined), long],
    ],
    [
      'start user',
      (v) => agents.start('a', 'go', { user: v as Any }),
      NOT_TEXTS.filter(([, v]) => v !== undefined),
    ],
    ['start context', (v) => agents.start('a', 'go', { context: v }), NOT_JSON],
    ['start limits', (v) => agents.start('a', 'go', { limits: v as Any }), NOT_OBJECTS],
    [
      'start batchTimeout',
      (v) => agents.start('a', 'go', { batchTimeout: v as Any }),
      [
        ['null', null],
        ['5n', 5n],
        ['circular', circular],
        ['-1', -1],
      ],
    ],
    [
      'start onToolFailure',
      (v) => agents.start('a', 'go', { onToolFailure: v as Any }),
      NOT_TEXTS.filter(([, v]) => v !== undefined),
    ],
    ['start output', (v) => agents.start('a', 'go', { output: v as Any }), NOT_OBJECTS],
    [
      'execute turnId',
      (v) => agents.execute('a', 'go', { turnId: v as Any }),
      [['a number', 5], long],
    ],
    ['getTurn', (v) => agents.getTurn(v as Any), [...NOT_TEXTS, long]],
    ['getTurn options', (v) => agents.getTurn('t', v as Any), NOT_OBJECTS],
    [
      'getTurn agent',
      (v) => agents.getTurn('t', { agent: v as Any }),
      [
        ['null', null],
        ['5n', 5n],
      ],
    ],
    ['getSession', (v) => agents.getSession(v as Any), [...NOT_TEXTS, long]],
    ['openSession id', (v) => agents.openSession('a', v as Any), [...NOT_TEXTS, long]],
    ['openSession agent', (v) => agents.openSession(v as Any, 's'), [...NOT_TEXTS, ['{}', {}]]],
    ['openSession options', (v) => agents.openSession('a', 's', v as Any), NOT_OBJECTS],
    ['openSession context', (v) => agents.openSession('a', 's', { context: v }), NOT_JSON],
    ['startSession agent', (v) => agents.startSession(v as Any), [...NOT_TEXTS, ['{}', {}]]],
    ['startSession options', (v) => agents.startSession('a', v as Any), NOT_OBJECTS],
    [
      'startSession id',
      (v) => agents.startSession('a', { sessionId: v as Any }),
      [...NOT_TEXTS.filter(([, v]) => v !== undefined), long],
    ],
    ['startSession context', (v) => agents.startSession('a', { context: v }), NOT_JSON],
    [
      'startSession messages',
      (v) => agents.startSession('a', { messages: v as Any }),
      [...NOT_OBJECTS, ['{}', {}], ['content null', [{ role: 'user', content: null }]]],
    ],
    ['send input', (v) => agents.openSession('a', 's').send(v as Any), [...NOT_TEXTS, ['{}', {}]]],
    ['send options', (v) => agents.openSession('a', 's').send('go', v as Any), NOT_OBJECTS],
    [
      'send key',
      (v) => agents.openSession('a', 's').send('go', { idempotencyKey: v as Any }),
      [...NOT_TEXTS.filter(([, v]) => v !== undefined), ['201 characters', 'k'.repeat(201)]],
    ],
    ['approve callId', (v) => turn.approve(v as Any, { by }), NOT_TEXTS],
    [
      'approve options',
      (v) => turn.approve('c', v as Any),
      [
        ['null', null],
        ['nothing', undefined],
      ],
    ],
    ['approve input', (v) => turn.approve('c', { by, input: v }), NOT_JSON],
    ['deny callId', (v) => turn.deny(v as Any, { by }), NOT_TEXTS],
    ['deny reason', (v) => turn.deny('c', { by, reason: v as Any }), NOT_JSON],
    ['completeToolCall token', (v) => agents.completeToolCall(v as Any, 'x'), NOT_TEXTS],
    ['completeToolCall result', (v) => agents.completeToolCall('A', v), NOT_JSON],
    ['listTurns', (v) => drain(agents.listTurns(v as Any)), NOT_OBJECTS],
    [
      'listTurns agent',
      (v) => drain(agents.listTurns({ agent: v as Any })),
      [
        ['null', null],
        ['5', 5],
        ['5n', 5n],
        ['circular', circular],
      ],
    ],
    [
      'listTurns usage',
      (v) => drain(agents.listTurns({ usage: v as Any })),
      [
        ['null', null],
        ['5n', 5n],
        ['circular', circular],
      ],
    ],
    ['listSessions', (v) => drain(agents.listSessions(v as Any)), NOT_OBJECTS],
    [
      'listSessions user',
      (v) => drain(agents.listSessions({ user: v as Any })),
      [
        ['5', 5],
        ['5n', 5n],
      ],
    ],
    ['approvals', (v) => drain(agents.approvals(v as Any)), NOT_OBJECTS],
    [
      'approvals query',
      (v) => drain(agents.approvals({ query: v as Any })),
      [
        ['5', 5],
        ['5n', 5n],
        ['circular', circular],
      ],
    ],
    [
      'createWorker',
      (v) => createWorker(v as Any),
      [...NOT_OBJECTS, ['nothing', undefined], ['{}', {}]],
    ],
    [
      'createWorker agents',
      (v) => createWorker({ agents: v as Any }),
      [...NOT_OBJECTS, ['[{}]', [{}]], ['[a circular one]', [circular]]],
    ],
    [
      'createWorker taskQueue',
      (v) => createWorker({ agents: [agent], taskQueue: v as Any }),
      NOT_TEXTS.filter(([, v]) => v !== undefined),
    ],
    [
      'createWorker taskQueues',
      (v) => createWorker({ agents: [agent], taskQueue, taskQueues: v as Any }),
      [...NOT_OBJECTS, ['{}', {}]],
    ],
    [
      'createWorker storage',
      (v) => createWorker({ agents: [agent], storage: v as Any }),
      [...NOT_OBJECTS, ['{}', {}]],
    ],
    [
      'createWorker streamTransport',
      (v) => createWorker({ agents: [agent], streamTransport: v as Any }),
      NOT_TRANSPORTS,
    ],
    [
      'createWorker anthropic',
      (v) => createWorker({ agents: [agent], anthropic: v as Any }),
      NOT_OBJECTS,
    ],
    [
      'createWorker activities',
      (v) => createWorker({ agents: [agent], activities: v as Any }),
      NOT_OBJECTS.filter(([, v]) => typeof v !== 'function'),
    ],
    [
      'createWorker connection',
      (v) => createWorker({ agents: [agent], connection: v as Any }),
      [
        ['null', null],
        ['{}', {}],
        ['5', 5],
      ],
    ],
    [
      'createActivities',
      (v) => createActivities(v as Any),
      [...NOT_OBJECTS, ['nothing', undefined], ['{}', {}]],
    ],
    [
      'createActivities agents',
      (v) => createActivities({ agents: v as Any }),
      [...NOT_OBJECTS, ['[{}]', [{}]]],
    ],
    ['defineAgent', (v) => defineAgent(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    [
      'defineAgent name',
      (v) => defineAgent({ name: v as Any, model: 'claude-opus-5-5' }),
      NOT_TEXTS,
    ],
    ['defineTool', (v) => defineTool(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    [
      'defineTool name',
      (v) =>
        defineTool({
          name: v as Any,
          description: 'd',
          inputSchema: { type: 'object' },
          run: () => 1,
        }),
      NOT_TEXTS,
    ],
    ['openStorage', (v) => openStorage(v as Any), NOT_TEXTS],
    ['openTransport', (v) => openTransport(v as Any), NOT_TEXTS],
    ['redisTransport', (v) => redisTransport(v as Any), NOT_OBJECTS],
    ['postgresTransport', (v) => postgresTransport(v as Any), NOT_OBJECTS],
    ['directoryStorage', (v) => directoryStorage(v as Any), NOT_TEXTS],
    ['postgresStorage', (v) => postgresStorage(v as Any), NOT_OBJECTS],
    ['s3Storage', (v) => s3Storage(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    ['withStorage', (v) => withStorage(undefined, v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    ['encryptedBy', (v) => encryptedBy(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    ['sweep', (v) => sweep(v as Any, v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    [
      'sweep writtenBefore',
      (v) => sweep(objects, { live: noKeys, writtenBefore: v as Any }),
      [...NOT_OBJECTS, ['nothing', undefined], ['{}', {}], ['no date', new Date(Number.NaN)]],
    ],
    [
      'sweep removeAll',
      (v) => sweep(objects, { live: noKeys, writtenBefore: new Date(), removeAll: v as Any }),
      NOT_OBJECTS,
    ],
    [
      'sweep dryRun',
      (v) => sweep(objects, { live: noKeys, writtenBefore: new Date(), dryRun: v as Any }),
      NOT_OBJECTS,
    ],
    [
      'liveKeys ignoreUnreadable',
      (v) => drain(liveKeys(client, { ignoreUnreadable: v as Any })),
      [...NOT_OBJECTS, ['{}', {}]],
    ],
    [
      'liveKeys namespaces',
      (v) => drain(liveKeys(client, { namespaces: v as Any })),
      [...NOT_OBJECTS, ['{}', {}]],
    ],
    ['liveKeys', (v) => drain(liveKeys(v as Any, v as Any) as Any), NOT_OBJECTS],
    ['startTestEnvironment', (v) => startTestEnvironment(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    ['defineEval', (v) => defineEval(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    [
      'defineEval cases',
      (v) => defineEval({ agent, cases: v as Any }),
      [...NOT_OBJECTS, ['{}', {}], ['[{}]', [{}]]],
    ],
    ['defineJudge', (v) => defineJudge(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    ['runEval', (v) => runEval(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    ['runEval options', (v) => runEval(evaluation, v as Any), NOT_OBJECTS],
    [
      'runEval runs',
      (v) => runEval(evaluation, { runs: v as Any }),
      [...NOT_OBJECTS.filter(([, v]) => v !== 5), ['0', 0]],
    ],
    ['startMessagesServer', (v) => startMessagesServer(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    ['startTemporalServer', (v) => startTemporalServer(v as Any), NOT_OBJECTS],
    [
      'conversation',
      (v) => conversation(v as Any, []),
      NOT_TEXTS.filter(([, v]) => typeof v !== 'function' && v !== ''),
    ],
    [
      'conversation replies',
      (v) => conversation('a', v as Any),
      [
        ['null', null],
        ['5', 5],
      ],
    ],
    ['script', (v) => script(v as Any), NOT_OBJECTS.filter(([, v]) => typeof v !== 'function')],
    ['expectTurn', (v) => expectTurn(v as Any), [...NOT_OBJECTS, ['{}', {}]]],
    [
      'replayHistories',
      (v) => replayHistories(v as Any),
      [
        ['null', null],
        ['5', 5],
        ['[5]', [5]],
        ['5n', 5n],
      ],
    ],
    ['recordHistory', (v) => recordHistory(v as Any, v as Any), NOT_OBJECTS],
    ['withToolFaults', (v) => withToolFaults(v as Any, {}), [...NOT_OBJECTS, ['{}', {}]]],
    ['say', (v) => say(v as Any), NOT_TEXTS.filter(([, v]) => v !== '')],
    ['callTools', (v) => callTools(v as Any), NOT_OBJECTS.filter(([, v]) => !Array.isArray(v))],
  ];
}

const noKeys = async function* () {};
const objects = { list: noKeys, remove: () => Promise.resolve([]) } as Any;

async function drain(list: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of list) break;
}

test(
  'every entry point rejects invalid arguments with an error of Plait',
  { timeout: 120_000 },
  async () => {
    const connection = await Connection.connect(
      withDefaults({ address: inject('temporalAddress') }),
    );
    const taskQueue = 'hostile-arguments';
    const agents = new AgentClient({ client: new Client({ connection }), taskQueue });
    const wrong: string[] = [];
    for (const [name, call, values] of entries(agents, taskQueue)) {
      for (const [label, value] of values) {
        const began = Date.now();
        let error: unknown;
        try {
          const late = sleep(2_000, 'nothing for 2 s', { ref: false });
          error = `took it: ${typeof (await Promise.race([call(value), late]))}`;
        } catch (thrown) {
          error = thrown;
        }
        const isOwn =
          error instanceof PlaitError && error.message !== '' && error.message.length < 2_000;
        const text =
          error instanceof Error ? `${error.name}: ${error.message.slice(0, 120)}` : String(error);
        if (!isOwn || Date.now() - began > 2_000) wrong.push(`${name} with ${label}: ${text}`);
      }
    }
    await connection.close();
    expect(wrong).toEqual([]);
  },
);

import { describe, expect, it } from 'vitest';
import type { Facts, QueueState, ServerFacts } from '../../../cli/doctor/facts.ts';
import type { Check, Level } from '../../../cli/doctor/findings.ts';
import { findingsOf, isHealthy } from '../../../cli/doctor/findings.ts';
import { findingLines, summaryLine } from '../../../cli/doctor/lines.ts';
import { PLAIN } from '../../../cli/style.ts';

const served: QueueState = {
  workers: 2,
  builds: ['a1'],
  backlog: 0,
  oldestMs: 0,
  perSecond: undefined,
};
const unserved: QueueState = { ...served, workers: 0, builds: [] };
const MINUTE = 60_000;

const server: ServerFacts = {
  type: 'reached',
  version: '1.29.1',
  roundTripMs: 3.4,
  retentionMs: 86_400_000,
  limits: { payload: 2_097_152, workflowTask: undefined },
  attributes: {
    type: 'known',
    types: { PlaitAgent: 'Keyword', PlaitUser: 'Keyword', PlaitStopReason: 'Keyword' },
  },
  queues: [{ name: 'plait', usedBy: ['turns'], workflows: served, activities: served, open: 1 }],
  clock: { type: 'compared', aheadMs: 12 },
};

const healthy: Facts = {
  address: 'temporal.example:7233',
  namespace: 'support',
  agents: [{ name: 'desk', tools: [{ name: 'look', maxResultBytes: 100_000 }] }],
  versions: {
    plait: '0.1.0',
    node: '22.18.0',
    temporal: { '@temporalio/client': ['1.24.0'], '@temporalio/worker': ['1.24.0'] },
  },
  server,
  model: { hasCredential: true, baseURL: undefined, asked: [] },
  storage: { type: 'usable', location: 's3://bucket/plait' },
  transport: { type: 'none' },
};

/** The same with another server, or with one other queue. */
const onServer = (changed: Partial<ServerFacts>): Facts => ({
  ...healthy,
  server: { ...server, ...changed },
});
const inQueue = (changed: Partial<(typeof server.queues)[number]>): Facts => {
  const [queue] = server.queues;
  return onServer({ queues: [{ ...queue, ...changed } as (typeof server.queues)[number]] });
};
const withModel = (changed: Partial<Facts['model']>): Facts => ({
  ...healthy,
  model: { ...healthy.model, ...changed },
});

it('a healthy setup has only good findings, in the order of reading', () => {
  const findings = findingsOf(healthy);
  expect(isHealthy(findings)).toBe(true);
  expect(findings.map(({ level, check, text }) => `${level} ${check}: ${text}`)).toEqual([
    'ok server: Temporal 1.29.1 answers at temporal.example:7233 in 3 ms.',
    'ok namespace: Namespace support keeps ended turns for 1 d.',
    'ok searchAttributes: PlaitAgent, PlaitUser, PlaitStopReason are registered.',
    'ok taskQueues: 2 workers on plait (turns).',
    'ok limits: Namespace support takes payloads of 2,097,152 bytes.',
    "ok clock: The clock of this machine and the server's agree within 2 s.",
    "ok versions: Plait 0.1.0, Node 22.18.0, Temporal's SDK 1.24.0.",
    'ok model: There is a credential for Claude; it was not tried.',
    'ok storage: The storage s3://bucket/plait can be written and read.',
  ]);
});

type Row = [
  title: string,
  facts: Facts,
  level: Level,
  check: Check,
  text: string | RegExp,
  advice?: string | RegExp,
];

const rows: Row[] = [
  [
    'a server that does not answer',
    { ...healthy, server: { type: 'unreachable', lacksNamespace: false, problem: 'Nobody.' } },
    'problem',
    'server',
    'Nobody.',
  ],
  [
    'a namespace that does not exist',
    { ...healthy, server: { type: 'unreachable', lacksNamespace: true, problem: 'No such.' } },
    'problem',
    'namespace',
    'No such.',
  ],
  [
    'an old server',
    onServer({ version: '1.27.2' }),
    'warning',
    'server',
    /Temporal 1\.27\.2 .* Plait is tested with 1\.28 and later\.$/,
    'Upgrade the Temporal server to 1.28 or later.',
  ],
  ['a server of the next major version', onServer({ version: '2.0.0' }), 'ok', 'server', /2\.0\.0/],
  ['a server whose version is a name', onServer({ version: 'own' }), 'ok', 'server', /own/],
  [
    'a namespace that forgets soon',
    onServer({ retentionMs: 3_600_000 }),
    'warning',
    'namespace',
    /keeps ended turns for 1 h\. After that/,
    'temporal operator namespace update --retention 30d -n support --address temporal.example:7233',
  ],
  [
    'a namespace that does not say how long it keeps turns',
    onServer({ retentionMs: undefined }),
    'ok',
    'namespace',
    'Namespace support exists.',
  ],
  [
    'search attributes that are missing',
    onServer({ attributes: { type: 'known', types: { PlaitAgent: 'Keyword' } } }),
    'warning',
    'searchAttributes',
    /^PlaitUser, PlaitStopReason are missing in namespace support\./,
    'plait setup',
  ],
  [
    'a search attribute that cannot be used where their types cannot be read',
    onServer({ attributes: { type: 'usable', names: ['PlaitAgent', 'PlaitStopReason'] } }),
    'warning',
    'searchAttributes',
    /^PlaitUser is missing/,
    'plait setup',
  ],
  [
    'a search attribute of another type',
    onServer({
      attributes: {
        type: 'known',
        types: { PlaitAgent: 'Keyword', PlaitUser: 'Int', PlaitStopReason: 'Keyword' },
      },
    }),
    'warning',
    'searchAttributes',
    /^PlaitUser has the type Int instead of Keyword/,
    /search-attribute remove --name PlaitUser -n support --address temporal\.example:7233$/,
  ],
  [
    'search attributes that cannot be seen',
    onServer({ attributes: { type: 'unknown', problem: 'unauthorized' } }),
    'warning',
    'searchAttributes',
    /unauthorized$/,
    /credentials/,
  ],
  [
    'a queue without any worker',
    inQueue({ workflows: unserved, activities: unserved, open: 3 }),
    'problem',
    'taskQueues',
    'No worker polls task queue plait (turns) for workflows and activities. 3 open turns and sessions cannot go on.',
    'Start one, with this address and namespace: plait worker <module>',
  ],
  [
    'a queue whose workers run no workflows',
    inQueue({ workflows: unserved, open: 0 }),
    'problem',
    'taskQueues',
    'No worker polls task queue plait (turns) for workflows.',
    /: plait worker <module>$/,
  ],
  [
    'a queue of a tool that nobody serves',
    inQueue({
      name: 'mail',
      usedBy: ['tool send'],
      workflows: undefined,
      activities: unserved,
      open: 0,
    }),
    'problem',
    'taskQueues',
    'No worker polls task queue mail (tool send) for activities.',
    'Start one, with this address and namespace: plait worker <module> --task-queues mail',
  ],
  [
    'a queue whose workers are too few',
    inQueue({ activities: { ...served, workers: 1, backlog: 40, oldestMs: 2 * MINUTE } }),
    'warning',
    'taskQueues',
    '40 tasks for activities wait in plait, the oldest for 2 min, although 1 worker serves it.',
    /^Start more workers, or raise maxConcurrentActivityTaskExecutions\.$/,
  ],
  [
    'a queue that is limited',
    inQueue({ activities: { ...served, backlog: 1, oldestMs: MINUTE, perSecond: 2 } }),
    'warning',
    'taskQueues',
    /^1 task for activities waits .* 2 workers serve it\. The queue starts 2 per second at most\.$/,
    /^Raise the limit/,
  ],
  [
    'a queue that was stopped',
    inQueue({ workflows: { ...served, perSecond: 0 } }),
    'problem',
    'taskQueues',
    'Task queue plait starts no workflows: its limit is 0 per second.',
    'temporal task-queue config set --task-queue plait --task-queue-type workflow --queue-rps-limit default',
  ],
  [
    'tasks that have only just come',
    inQueue({ activities: { ...served, backlog: 40, oldestMs: 5_000, builds: ['a1', 'b2'] } }),
    'ok',
    'taskQueues',
    '2 workers of 2 builds on plait (turns).',
  ],
  [
    'payloads that are too small without a storage, and the tools that need more',
    {
      ...onServer({ limits: { payload: 500_000, workflowTask: undefined } }),
      storage: { type: 'none' },
      agents: [
        {
          name: 'desk',
          tools: [
            { name: 'look', maxResultBytes: 100_000 },
            { name: 'dump', maxResultBytes: 600_000 },
          ],
        },
      ],
    },
    'problem',
    'limits',
    'Namespace support takes payloads of 500,000 bytes at most, and Plait makes some of 2,000,000 bytes without a storage. Results of these tools may be larger: desk.dump (600,000 bytes).',
    /^Give workers and clients a storage, or set limit\.blobSize\.error/,
  ],
  [
    'payloads that are too small even with a storage',
    onServer({ limits: { payload: 300_000, workflowTask: undefined } }),
    'problem',
    'limits',
    'Namespace support takes payloads of 300,000 bytes at most, and Plait makes some of 524,288 bytes.',
    'Set limit.blobSize.error of the server to 524288 or more.',
  ],
  [
    'workflow tasks that are too small for a wide reply',
    onServer({ limits: { payload: undefined, workflowTask: 1_000_000 } }),
    'warning',
    'limits',
    /^Namespace support takes 1,000,000 bytes at most from one workflow task/,
    /limits\.concurrency/,
  ],
  [
    'a clock that is a little off',
    onServer({ clock: { type: 'compared', aheadMs: -5_000 } }),
    'warning',
    'clock',
    /^The clock of this machine is 5 s behind the server's\./,
    /NTP/,
  ],
  [
    'a clock that is minutes off',
    onServer({ clock: { type: 'compared', aheadMs: 10 * MINUTE } }),
    'problem',
    'clock',
    /10 min ahead of the server's\. Certificates/,
    /NTP/,
  ],
  [
    'a clock that cannot be compared',
    onServer({ clock: { type: 'unknown', problem: 'not allowed' } }),
    'warning',
    'clock',
    /not allowed$/,
    /NTP/,
  ],
  [
    'a Node that is too old',
    { ...healthy, versions: { ...healthy.versions, node: '20.11.0' } },
    'problem',
    'versions',
    'Node 20.11.0 is too old for Plait.',
    /20\.19/,
  ],
  [
    'a Node that nobody has tried',
    { ...healthy, versions: { ...healthy.versions, node: '23.1.0' } },
    'warning',
    'versions',
    'Plait is not tested with Node 23.1.0.',
    /20\.19/,
  ],
  [
    'two versions of one package of Temporal',
    {
      ...healthy,
      versions: {
        ...healthy.versions,
        temporal: { '@temporalio/client': ['1.24.0', '1.22.0'], '@temporalio/worker': ['1.24.0'] },
      },
    },
    'problem',
    'versions',
    /different versions: @temporalio\/client 1\.24\.0 and 1\.22\.0\. /,
    /npm ls/,
  ],
  [
    'packages of Temporal of different versions',
    {
      ...healthy,
      versions: {
        ...healthy.versions,
        temporal: { '@temporalio/client': ['1.24.0'], '@temporalio/worker': ['1.22.0'] },
      },
    },
    'problem',
    'versions',
    /: @temporalio\/client 1\.24\.0, @temporalio\/worker 1\.22\.0\. /,
    /npm ls/,
  ],
  [
    'no credential',
    withModel({ hasCredential: false }),
    'warning',
    'model',
    'There is no credential for Claude in this environment.',
    /ANTHROPIC_API_KEY/,
  ],
  [
    'a model that answers',
    withModel({
      baseURL: 'https://gateway.example',
      asked: [{ type: 'answered', model: 'claude-opus-5-5', milliseconds: 900 }],
    }),
    'ok',
    'model',
    'claude-opus-5-5 answers at gateway.example in 900 ms.',
  ],
  [
    'a model that does not answer',
    withModel({
      asked: [{ type: 'failed', model: 'm', problem: 'There is no API key: set one.' }],
    }),
    'problem',
    'model',
    'm does not answer: There is no API key: set one.',
  ],
  [
    'an address that is no URL of the web, and may be a secret',
    withModel({ baseURL: 'gateway:s3cret' }),
    'problem',
    'model',
    'ANTHROPIC_BASE_URL is not a URL with https://.',
    /without \/v1\/messages/,
  ],
  [
    'an address that is no URL at all',
    withModel({ baseURL: 'not a url' }),
    'problem',
    'model',
    'ANTHROPIC_BASE_URL is not a URL with https://.',
    /without \/v1\/messages/,
  ],
  [
    'an address with a password, which is not repeated',
    withModel({ baseURL: 'https://me:s3cret@gateway.example' }),
    'problem',
    'model',
    /^ANTHROPIC_BASE_URL has a user name or a password in it/,
    /ANTHROPIC_CUSTOM_HEADERS/,
  ],
  [
    'an address with the path that the SDK adds',
    withModel({ baseURL: 'https://gateway.example/v1/' }),
    'problem',
    'model',
    'ANTHROPIC_BASE_URL ends in a path that the client adds again.',
    /without \/v1\/messages/,
  ],
  [
    'an address that is not encrypted',
    withModel({ baseURL: 'http://gateway.example' }),
    'warning',
    'model',
    /go to gateway\.example in clear text/,
    'Use https://.',
  ],
  [
    'a proxy on this machine',
    withModel({ baseURL: 'http://localhost:1' }),
    'ok',
    'model',
    /localhost:1/,
  ],
  [
    'no storage',
    { ...healthy, storage: { type: 'none' } },
    'warning',
    'storage',
    /^No storage is configured here\./,
    /PLAIT_STORAGE/,
  ],
  [
    'a storage that cannot be used',
    { ...healthy, storage: { type: 'unusable', problem: 'It is gone. Use another.' } },
    'problem',
    'storage',
    'It is gone. Use another.',
  ],
  [
    'a stream transport',
    { ...healthy, transport: { type: 'usable', location: 'redis://cache' } },
    'ok',
    'streamTransport',
    'The stream transport redis://cache can be used.',
  ],
  [
    'a stream transport that is away, without which turns run',
    { ...healthy, transport: { type: 'unusable', problem: 'It is away.' } },
    'warning',
    'streamTransport',
    'It is away.',
  ],
];

describe('the findings', () => {
  it.each(rows)('%s', (_, facts, level, check, text, advice) => {
    const findings = findingsOf(facts);
    const about = findings.filter((one) => one.check === check);
    const worst = about.find((one) => one.level !== 'ok') ?? about.at(-1);
    expect(worst?.level).toBe(level);
    expect(worst?.text).toMatch(typeof text === 'string' ? exactly(text) : text);
    if (advice === undefined) expect(worst).not.toHaveProperty('advice');
    else expect(worst?.advice).toMatch(typeof advice === 'string' ? exactly(advice) : advice);
    expect(isHealthy(findings)).toBe(level !== 'problem');
    expect(JSON.stringify(findings)).not.toContain('s3cret');
  });

  it('name both faults of a queue', () => {
    const facts = inQueue({ workflows: unserved, activities: { ...served, perSecond: 0 } });
    const levels = findingsOf(facts).filter(({ check }) => check === 'taskQueues');
    expect(levels.map(({ level }) => level)).toEqual(['problem', 'problem']);
  });
});

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}

describe('the report', () => {
  const findings = findingsOf({ ...healthy, storage: { type: 'none' } });

  it('is a table with what to do below each finding', () => {
    const lines = findingLines(findings, { columns: 100, style: PLAIN });
    expect(lines[0]).toBe(
      'ok       server             Temporal 1.29.1 answers at temporal.example:7233 in 3 ms.',
    );
    expect(lines.slice(-4)).toEqual([
      'warning  storage            No storage is configured here. Without one a turn ends when its',
      '                            conversation has some 1.5 MB, and large results lose their middle.',
      '                            → Give workers and clients the same storage: --storage or',
      '                              PLAIT_STORAGE. See docs/storage.md.',
    ]);
    expect(findingLines(findings, { columns: undefined, style: PLAIN }).at(-1)).toMatch(
      /^ +→ Give .*md\.$/,
    );
  });

  it('has the texts below the names on a narrow terminal', () => {
    const lines = findingLines(findings, { columns: 40, style: PLAIN });
    expect(lines.slice(0, 3)).toEqual([
      'ok       server',
      '  Temporal 1.29.1 answers at',
      '  temporal.example:7233 in 3 ms.',
    ]);
    expect(lines.every((line) => line.length < 40)).toBe(true);
  });

  it('ends with a summary', () => {
    expect(summaryLine(findingsOf(healthy))).toBe('No problem was found.');
    expect(summaryLine(findings)).toBe('1 warning.');
    const broken = findingsOf({
      ...inQueue({ workflows: unserved, activities: unserved }),
      storage: { type: 'unusable', problem: 'It is gone.' },
      versions: { ...healthy.versions, node: '23.0.0' },
    });
    expect(summaryLine(broken)).toBe('2 problems and 1 warning.');
  });
});

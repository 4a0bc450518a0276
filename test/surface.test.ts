import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { withSource } from '../scripts/packed-manifest.ts';
import typedoc from '../typedoc.json' with { type: 'json' };

// What a user of each entry point can import. A name that is added here is a decision: it must be kept, or
// break somebody's program. Export a type only where users write it in a signature; what they reach from
// an exported type, they name by it (`ToolOptions['activity']`).
const SURFACE: Record<string, { values: string[]; types: string[] }> = {
  plait: {
    values: [
      'DeclarationError',
      'PlaitError',
      'ToolError',
      'agentTool',
      'defineAgent',
      'defineTool',
      'examplePrices',
    ],
    types: [
      'Agent',
      'AgentOptions',
      'AgentToolOptions',
      'ApprovalContext',
      'CallRecord',
      'Later',
      'OutcomeType',
      'PlaitErrorCode',
      'Prices',
      'SessionArgs',
      'StopReason',
      'StoredData',
      'Tool',
      'ToolContext',
      'ToolOptions',
      'TurnArgs',
      'TurnInput',
      'TurnResult',
      'Usage',
    ],
  },
  'plait/activities': {
    values: ['createActivities'],
    types: ['ActivitiesOptions'],
  },
  'plait/client': {
    values: [
      'AgentClient',
      'CompletionRejectedError',
      'DecisionRejectedError',
      'InvalidOutputError',
      'InvalidSessionError',
      'InvalidTurnError',
      'PlaitError',
      'SearchAttributesMissingError',
      'SendRejectedError',
      'SessionBusyError',
      'SessionClosedError',
      'SessionIdInUseError',
      'SessionNotFoundError',
      'TemporalUnavailableError',
      'TurnFailedError',
      'TurnIdInUseError',
      'TurnNotFoundError',
      'UnreadablePayloadError',
      'WorkerUnavailableError',
    ],
    types: [
      'ActivitySnapshot',
      'AgentClientOptions',
      'ApprovalRequest',
      'CallSnapshot',
      'ListedSession',
      'ListedTurn',
      'OpenSessionOptions',
      'PlaitErrorCode',
      'RoundSnapshot',
      'SendOptions',
      'SessionDescription',
      'SessionHandle',
      'SessionTurnHandle',
      'StartSessionOptions',
      'StartTurnOptions',
      'TranscriptPage',
      'TurnDescription',
      'TurnHandle',
      'TurnSnapshot',
      'TurnStreamEvent',
      'WaitingCall',
    ],
  },
  'plait/mcp': {
    values: ['mcpHandler', 'mcpServer'],
    types: [
      'McpCaller',
      'McpHandler',
      'McpHandlerOptions',
      'McpIdentity',
      'McpServer',
      'McpServerOptions',
      'McpToolOptions',
    ],
  },
  'plait/storage': {
    values: [
      'InvalidStorageError',
      'NothingNeededError',
      'StorageUnavailableError',
      'UnreadableHistoryError',
      'directoryStorage',
      'encryptedBy',
      'liveKeys',
      'openStorage',
      'postgresStorage',
      's3Storage',
      'sweep',
      'withStorage',
    ],
    types: [
      'CollectableStorage',
      'PlaitStorage',
      'PostgresStorageOptions',
      'S3StorageOptions',
      'SweepReport',
    ],
  },
  'plait/telemetry': {
    values: ['openTelemetry', 'plaitIdGenerator'],
    types: ['IdGenerator', 'OpenTelemetryOptions', 'Traces'],
  },
  'plait/testing': {
    values: [
      'ReplayFailedError',
      'UnscriptedError',
      'alwaysFail',
      'callTools',
      'compact',
      'conversation',
      'defineEval',
      'defineJudge',
      'delay',
      'expectTurn',
      'failTimes',
      'fault',
      'firstAttempts',
      'forAgent',
      'garbage',
      'hang',
      'paced',
      'pauseTurn',
      'recordHistory',
      'refuse',
      'rejection',
      'replayHistories',
      'reply',
      'runEval',
      'say',
      'script',
      'startMcpServer',
      'startMessagesServer',
      'startTemporalServer',
      'startTestEnvironment',
      'stopWith',
      'think',
      'times',
      'withToolFaults',
      'workerDies',
    ],
    types: [
      'Eval',
      'EvalCase',
      'EvalOptions',
      'EvalReport',
      'McpServerScript',
      'MessageReply',
      'MessagesServer',
      'Reply',
      'Script',
      'ScriptRequest',
      'ScriptedMcpServer',
      'ScriptedMcpTool',
      'TemporalServer',
      'TemporalServerOptions',
      'TestEnvironment',
      'TestEnvironmentOptions',
      'ToolFault',
    ],
  },
  'plait/transport': {
    values: [
      'InvalidTransportError',
      'TransportUnavailableError',
      'openTransport',
      'postgresTransport',
      'redisTransport',
    ],
    types: [
      'PlaitStreamTransport',
      'PostgresTransportOptions',
      'RedisTransportOptions',
      'StreamTransport',
    ],
  },
  'plait/web': {
    values: ['chatHandler'],
    types: ['ChatHandler', 'ChatHandlerOptions', 'ChatIdentity'],
  },
  'plait/worker': {
    values: ['createWorker', 'metricBuckets'],
    types: ['CreateWorkerOptions'],
  },
  'plait/workflows': {
    values: ['agentSession', 'agentTurn', 'interceptors'],
    types: [],
  },
};

/** `plait/client` for `./client`. */
const nameOf = (path: string) => path.replace(/^\./, 'plait');

/** `package.json` says which version is installed. */
const { './package.json': manifest, ...doors } = packageJson.exports;

/** `export type { Agent, AgentOptions } from './agents/define-agent.ts';` */
const EXPORT = /^export (type )?\{([^}]*)\} from '([^']+)';$/gm;

const namesIn = (list: string) =>
  list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/** Whether a docstring ends on the line before the declaration. */
const isDocumented = (name: string, code: string) =>
  new RegExp(
    `\\*/\\nexport (abstract )?(async )?(class|const|function\\*?|interface|type) ${name}\\b`,
  ).test(code);

test('the package has these entry points', () => {
  expect(Object.keys(doors).map(nameOf)).toEqual(Object.keys(SURFACE));
  expect(manifest).toBe('./package.json');
});

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('the reference covers every entry point', () => {
  const sources = Object.values(doors).map((door) => door['plait-source'].replace('./', ''));
  expect(typedoc.entryPoints).toEqual(sources);
});

test.for(Object.entries(doors))('%s exports these names and no others', (entry) => {
  const [path, { 'plait-source': source }] = entry;
  const exported = { values: [] as string[], types: [] as string[] };
  const rest = read(source)
    .replace(/^\/\*\*[^]*?\*\//, '')
    .replaceAll(EXPORT, (_, type, names: string) => {
      exported[type === undefined ? 'values' : 'types'].push(...namesIn(names));
      return '';
    });
  // Only statements that name what they export: `export *` would add names unseen.
  expect(rest.trim()).toBe('');
  exported.values.sort();
  exported.types.sort();
  expect(exported).toEqual(SURFACE[nameOf(path)]);
});

test.for(Object.entries(doors))('every name that %s exports has a docstring', (entry) => {
  const [path, { 'plait-source': source }] = entry;
  const code = read(source);
  expect(code).toMatch(new RegExp(`^/\\*\\*[^]*@module ${nameOf(path)}\\n \\*/\\n`));
  const bare = [...code.matchAll(EXPORT)].flatMap(([, , names = '', from = '']) => {
    const declarations = read(join(dirname(source), from));
    return namesIn(names).filter((name) => !isDocumented(name, declarations));
  });
  expect(bare).toEqual([]);
});

test('no name is exported by two entry points, except the base class of the errors', () => {
  const names = Object.values(SURFACE).flatMap(({ values, types }) => [...values, ...types]);
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  expect(twice).toEqual(['PlaitError', 'PlaitErrorCode']);
});

test('the packed package has no condition for source files, and the project gets it back', () => {
  const project = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const packed = withSource(project, false);
  for (const entry of Object.values((JSON.parse(packed) as typeof packageJson).exports)) {
    const targets = typeof entry === 'string' ? [entry] : Object.values(entry);
    for (const target of targets) expect(target).toMatch(/^\.\/(dist\/|package\.json$)/);
  }
  expect(packed).not.toContain('index.ts"');
  expect(withSource(packed, true)).toBe(project);
  expect(withSource(project, true)).toBe(project);
});

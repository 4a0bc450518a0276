import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { withSource } from '../scripts/packed-manifest.ts';

// What a user of each entry point can import. A name that is added here is a decision: it must be kept, or
// break somebody's program. Export a type only where users write it in a signature; what they reach from
// an exported type, they name by it (`ToolOptions['activity']`).
const SURFACE: Record<string, { values: string[]; types: string[] }> = {
  plait: {
    values: [
      'DeclarationError',
      'PlaitError',
      'ToolError',
      'defineAgent',
      'defineTool',
      'examplePrices',
    ],
    types: [
      'Agent',
      'AgentOptions',
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
  'plait/testing': {
    values: [
      'ReplayFailedError',
      'UnscriptedError',
      'alwaysFail',
      'callTools',
      'compact',
      'conversation',
      'delay',
      'expectTurn',
      'failTimes',
      'fault',
      'firstAttempts',
      'garbage',
      'hang',
      'paced',
      'pauseTurn',
      'recordHistory',
      'refuse',
      'rejection',
      'replayHistories',
      'reply',
      'say',
      'script',
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
      'MessageReply',
      'MessagesServer',
      'Reply',
      'Script',
      'ScriptRequest',
      'TemporalServer',
      'TemporalServerOptions',
      'TestEnvironment',
      'TestEnvironmentOptions',
      'ToolFault',
    ],
  },
  'plait/worker': {
    values: ['createWorker'],
    types: ['CreateWorkerOptions'],
  },
  'plait/workflows': {
    values: ['agentSession', 'agentTurn'],
    types: [],
  },
};

/** `plait/client` for `./client`. */
const nameOf = (path: string) => path.replace(/^\./, 'plait');

/** `package.json` says which version is installed. */
const { './package.json': manifest, ...doors } = packageJson.exports;

test('the package has these entry points', () => {
  expect(Object.keys(doors).map(nameOf)).toEqual(Object.keys(SURFACE));
  expect(manifest).toBe('./package.json');
});

test.for(Object.entries(doors))('%s exports these names and no others', (entry) => {
  const [path, { 'plait-source': source }] = entry;
  const code = readFileSync(new URL(`../${source}`, import.meta.url), 'utf8');
  const exported = { values: [] as string[], types: [] as string[] };
  const rest = code
    .replaceAll(/^\/\/.*$/gm, '')
    .replaceAll(/^export (type )?\{([^}]*)\} from '[^']+';$/gm, (_, type, names: string) => {
      const list = names.split(',').map((name) => name.trim());
      const kind = type === undefined ? 'values' : 'types';
      exported[kind].push(...list.filter((name) => name !== ''));
      return '';
    });
  // Only statements that name what they export: `export *` would add names unseen.
  expect(rest.trim()).toBe('');
  exported.values.sort();
  exported.types.sort();
  expect(exported).toEqual(SURFACE[nameOf(path)]);
});

test('no name is exported by two entry points, but for the base class of the errors', () => {
  const names = Object.values(SURFACE).flatMap(({ values, types }) => [...values, ...types]);
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  expect(twice).toEqual(['PlaitError', 'PlaitErrorCode']);
});

test('the package that is packed has no condition for source files, and the project has it back', () => {
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

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowHandle } from '@temporalio/client';
import type { ReplayWorkerOptions } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { turnRuns } from '../client/follow/history.ts';
import { PlaitError } from '../core/errors.ts';
import { isRecord } from '../core/json.ts';
import { quietRuntime } from './quiet-runtime.ts';
import { bundleOnce } from './workflow-bundle.ts';

/**
 * Every option of Temporal's replay worker. Workflows of your own: give `workflowsPath` or
 * `workflowBundle`; without them the histories are replayed with Plait's. Encrypted histories, and
 * those of workers with a `storage`, need the workers' `dataConverter`.
 */
export type ReplayOptions = ReplayWorkerOptions;

/** Workflows that are to go on with the recorded histories would do something else. */
export class ReplayFailedError extends PlaitError {
  override readonly name = 'ReplayFailedError' as const;
  override readonly code = 'REPLAY_FAILED' as const;
  readonly failures: readonly ReplayFailure[];

  constructor(failures: readonly ReplayFailure[], replayed: number) {
    const lines = failures.map(({ file, error }) => `  ${file}: ${error.message}`);
    super(
      `${failures.length} of ${replayed} histories cannot go on with these workflows:\n${lines.join('\n')}`,
      { cause: failures[0]?.error },
    );
    this.failures = failures;
  }
}

export interface ReplayFailure {
  readonly file: string;
  /** Temporal's, for example a `DeterminismViolationError`. */
  readonly error: Error;
}

/**
 * Replays recorded histories: every `*.json` of a folder, or the files given. They stand for turns
 * that are under way while a new version of the worker is rolled out.
 *
 * A history comes from `recordHistory`, from `temporal workflow show --output json`, or from the
 * download button of the Temporal UI.
 *
 * @returns the files, in the order of their replay
 * @throws ReplayFailedError when one would not go on; all of them are tried
 * @throws Error when there is none, or a file holds no history
 */
export async function replayHistories(
  source: string | URL | readonly (string | URL)[],
  options: ReplayOptions = {},
): Promise<string[]> {
  const files = await historyFiles(source);
  const histories = await Promise.all(
    files.map(async (file) => {
      const { events, workflowId = file } = await readHistory(file);
      return { workflowId, history: { events } };
    }),
  );
  quietRuntime();
  const { workflowsPath, ...others } = options;
  const workflowBundle = options.workflowBundle ?? (await bundleOnce(workflowsPath));
  const failures: ReplayFailure[] = [];
  // In their order, one after another.
  const tried = files.values();
  for await (const { error } of Worker.runReplayHistories(
    { ...others, workflowBundle },
    histories,
  )) {
    const file = basename(tried.next().value ?? '');
    if (error !== undefined) failures.push({ file, error });
  }
  if (failures.length > 0) throw new ReplayFailedError(failures, files.length);
  return files;
}

/**
 * Writes the history of a turn or of a session for `replayHistories`, running or ended, with the folders
 * above it.
 * What tells where and by whom it was recorded is left out: host names, process ids, stack traces.
 * Inputs, results and messages are in it.
 *
 * What has gone on in new runs has a history for each: the first is `file`, and the others are
 * beside it, with `.run-2`, `.run-3`, … before the ending.
 *
 * @returns the files, in the order of the runs
 */
export async function recordHistory(
  { workflow }: { readonly workflow: WorkflowHandle },
  file: string | URL,
): Promise<string[]> {
  const path = toPath(file);
  const { client, workflowId } = workflow;
  await mkdir(dirname(path), { recursive: true });
  const runs = await turnRuns(client, workflowId);
  return await Promise.all(
    runs.map(async (runId, i) => {
      const history = await client.getHandle(workflowId, runId).fetchHistory();
      const { dir, name, ext } = parse(path);
      const ofRun = i === 0 ? path : join(dir, `${name}.run-${i + 1}${ext}`);
      await writeFile(ofRun, anonymous(historyToJSON(history)));
      return ofRun;
    }),
  );
}

/** Replay reads none of this. */
function anonymous(json: string): string {
  const events: unknown = JSON.parse(json, (key, value: unknown) => {
    if (key === 'identity') return 'recorder';
    // The name of a worker's own queue: process id, host, and a random part.
    if (typeof value === 'string' && /^\d+@/.test(value)) return 'sticky';
    return key === 'stackTrace' ? '' : value;
  });
  return `${JSON.stringify(events)}\n`;
}

async function historyFiles(source: Parameters<typeof replayHistories>[0]): Promise<string[]> {
  const paths = (Array.isArray(source) ? source : [source as string | URL]).map(toPath);
  const found = await Promise.all(
    paths.map(async (path) => {
      if (!(await stat(path)).isDirectory()) return [path];
      const names = (await readdir(path)).filter((name) => name.endsWith('.json'));
      return names.toSorted().map((name) => join(path, name));
    }),
  );
  // A test that replays nothing would pass for ever.
  if (found.flat().length === 0) throw new Error(`No histories (*.json) in ${paths.join(', ')}`);
  return found.flat();
}

interface RecordedHistory {
  events: Record<string, unknown>[];
  /** A session names its turns after it. Servers before 1.20 did not record it. */
  workflowId?: string;
}

async function readHistory(file: string): Promise<RecordedHistory> {
  const json: unknown = JSON.parse(await readFile(file, 'utf8'));
  const list: unknown = isRecord(json) ? json['events'] : json;
  const events = Array.isArray(list) ? list.filter(isRecord) : [];
  if (events.length === 0) throw new Error(`${file} holds no history: there are no events in it`);
  // The Temporal UI shows the newest first, and what is downloaded or copied from it may do so too.
  events.sort((a, b) => Number(a['eventId']) - Number(b['eventId']));
  if (isDecoded(events[0])) {
    throw new Error(
      `${file} cannot be replayed: its payloads are decoded. Download it again with "Decode Event History" switched off.`,
    );
  }
  const workflowId = startedAttributes(events[0])?.['workflowId'];
  return { events, ...(typeof workflowId === 'string' ? { workflowId } : {}) };
}

function startedAttributes(started: Record<string, unknown> | undefined) {
  const attributes = started?.['workflowExecutionStartedEventAttributes'];
  return isRecord(attributes) ? attributes : undefined;
}

/** A payload of a history is metadata and base64; decoded for people, it is the value alone. */
function isDecoded(started: Record<string, unknown> | undefined): boolean {
  const input = startedAttributes(started)?.['input'];
  const payloads = isRecord(input) ? input['payloads'] : input;
  return Array.isArray(payloads) && !payloads.every((one) => isRecord(one) && 'metadata' in one);
}

function toPath(file: string | URL): string {
  return file instanceof URL ? fileURLToPath(file) : file;
}

import { DeclarationError } from '../agents/declaration-error.ts';
import { given, recordProblem, rejectIf } from '../core/arguments.ts';
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
 * Every option of Temporal's replay worker. For your own workflows give `workflowsPath` or
 * `workflowBundle`; by default the histories are replayed with Plait's. Encrypted histories, and
 * those of workers with a `storage`, need the workers' `dataConverter`.
 */
export type ReplayOptions = ReplayWorkerOptions;

/** With these workflows, turns that have the recorded histories would fail. */
export class ReplayFailedError extends PlaitError {
  override readonly name = 'ReplayFailedError' as const;
  override readonly code = 'REPLAY_FAILED' as const;
  readonly failures: readonly ReplayFailure[];

  constructor(failures: readonly ReplayFailure[], replayed: number) {
    const lines = failures.map(({ file, error }) => `  ${file}: ${error.message}`);
    super(
      `${failures.length} of ${replayed} histories do not replay with these workflows:\n${lines.join('\n')}`,
      { cause: failures[0]?.error },
    );
    this.failures = failures;
  }
}

export interface ReplayFailure {
  readonly file: string;
  /** Temporal's error, for example a `DeterminismViolationError`. */
  readonly error: Error;
}

/**
 * Replays recorded histories: every `*.json` of a folder, or the files that you name. They stand for turns
 * that are running while you roll out a new version of the worker.
 *
 * A history comes from `recordHistory`, from `temporal workflow show --output json`, or from the
 * download button of the Temporal UI.
 *
 * @returns the files, in the order of their replay
 * @throws ReplayFailedError when a history does not replay, after all have been tried
 * @throws Error when there is no file, or a file does not hold a history
 */
export async function replayHistories(
  source: string | URL | readonly (string | URL)[],
  options: ReplayOptions = {},
): Promise<string[]> {
  const sources: readonly unknown[] = Array.isArray(source) ? source : [source];
  if (!sources.every((one) => typeof one === 'string' || one instanceof URL)) {
    throw new DeclarationError(
      `replayHistories: the source must be a folder or files; got ${given(source)}`,
    );
  }
  rejectIf(DeclarationError, recordProblem('replayHistories: the options', options));
  const files = await historyFiles(source);
  const histories = await Promise.all(
    files.map(async (file) => {
      const { events, workflowId = file } = await readHistory(file);
      return { workflowId, history: { events } };
    }),
  );
  quietRuntime();
  const { workflowsPath, ...others } = options;
  const workflowBundle =
    options.workflowBundle ?? (await bundleOnce(workflowsPath, options.dataConverter));
  const failures: ReplayFailure[] = [];
  // Replayed one after another, in their order.
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
 * Writes the history of a turn or a session to a file, for `replayHistories`. It may be running or ended.
 * Missing folders are made. Host names, process ids and stack traces are left out; inputs, results and
 * messages are in it.
 *
 * A workflow that has continued as new has one history for each run: the first is `file`, and the others
 * are beside it, with `.run-2`, `.run-3`, … before the extension.
 *
 * @returns the files, in the order of the runs
 */
export async function recordHistory(
  turn: { readonly workflow: WorkflowHandle },
  file: string | URL,
): Promise<string[]> {
  rejectIf(DeclarationError, recordProblem('recordHistory: the turn', turn));
  const { workflow } = turn;
  rejectIf(DeclarationError, recordProblem('recordHistory: workflow of the turn', workflow));
  if (typeof file !== 'string' && !(file instanceof URL)) {
    throw new DeclarationError(
      `recordHistory: the file must be a path or a URL; got ${given(file)}`,
    );
  }
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

/** Replaces the fields that say where the history was recorded. Replay does not read them. */
function anonymous(json: string): string {
  const events: unknown = JSON.parse(json, (key, value: unknown) => {
    if (key === 'identity') return 'recorder';
    // The name of a worker's sticky queue: process id, host, and a random part.
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
  // Otherwise a test would pass without replaying anything.
  if (found.flat().length === 0) {
    const where = paths.length === 0 ? 'an empty list of files' : paths.join(', ');
    throw new Error(`No histories (*.json) in ${where}. Record some with recordHistory.`);
  }
  return found.flat();
}

interface RecordedHistory {
  events: Record<string, unknown>[];
  /** A session derives the ids of its turns from it. Servers before 1.20 did not record it. */
  workflowId?: string;
}

async function readHistory(file: string): Promise<RecordedHistory> {
  const json: unknown = JSON.parse(await readFile(file, 'utf8'));
  const list: unknown = isRecord(json) ? json['events'] : json;
  const events = Array.isArray(list) ? list.filter(isRecord) : [];
  if (events.length === 0) {
    throw new Error(
      `${file} is not a history: it has no events. Use what recordHistory or \`temporal workflow show --output json\` writes.`,
    );
  }
  // The Temporal UI shows the newest event first, so a history that was copied from it may too.
  events.sort((a, b) => Number(a['eventId']) - Number(b['eventId']));
  if (isDecoded(events[0])) {
    throw new Error(
      `${file} cannot be replayed: its payloads are decoded. Download it again with "Decode Event History" switched off.`,
    );
  }
  const workflowId = startedAttributes(events[0])?.['workflowId'];
  return { events, ...(typeof workflowId === 'string' && { workflowId }) };
}

function startedAttributes(started: Record<string, unknown> | undefined) {
  const attributes = started?.['workflowExecutionStartedEventAttributes'];
  return isRecord(attributes) ? attributes : undefined;
}

/** A payload of a history is metadata and base64. When it is decoded, only the value is left. */
function isDecoded(started: Record<string, unknown> | undefined): boolean {
  const input = startedAttributes(started)?.['input'];
  const payloads = isRecord(input) ? input['payloads'] : input;
  return Array.isArray(payloads) && !payloads.every((one) => isRecord(one) && 'metadata' in one);
}

function toPath(file: string | URL): string {
  return file instanceof URL ? fileURLToPath(file) : file;
}

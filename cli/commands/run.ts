import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { AgentClient } from '../../client/agent-client.ts';
import { TemporalUnavailableError, WorkerUnavailableError } from '../../client/errors.ts';
import type { StartTurnOptions } from '../../client/options.ts';
import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { mapData, STORED_FROM } from '../../core/conversation/stored-data.ts';
import { defined } from '../../core/json.ts';
import { MAX_TIMER } from '../../core/duration.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import { stopKind } from '../../core/turn/stop-reason.ts';
import { clientStorage, configuredTransport } from '../storage-setting.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { PartialText } from '../partial-text.ts';
import { onSignals } from '../signals.ts';
import { say, sayAside } from '../say.ts';
import { showTurn } from '../show-turn.ts';
import { styleFor } from '../style.ts';
import { requireWorker } from '../task-queue.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { durationText, oneLine, printable, visibleJson } from '../text.ts';
import { withAgent } from '../unknown-agent.ts';
import { usageText } from '../../core/turn/usage-text.ts';

export interface RunOptions {
  taskQueue: string;
  json?: boolean;
  /** Milliseconds to wait for the end of the turn. */
  timeout?: number;
  turnId?: string;
  context?: unknown;
  storage?: string;
  /** A URL. @default PLAIT_STREAM_TRANSPORT */
  streamTransport?: string;
}

const LEFT = Symbol('left');

/**
 * `plait run`: starts a turn, or takes one that exists; shows it on stderr, and prints its text or its
 * result on stdout.
 */
export async function runCommand(
  start: { agent: string; text: string } | undefined,
  options: RunOptions,
): Promise<ExitCode> {
  const { taskQueue, turnId = '', timeout, json = false, storage } = options;
  const streamTransport = configuredTransport(options.streamTransport);
  const client = await connectTo(configuredTarget(), clientStorage(storage));
  const agents = new AgentClient({
    client,
    taskQueue,
    onWarning: sayWarning,
    ...defined({ streamTransport }),
  });
  try {
    if (start !== undefined) await requireWorker(client, taskQueue);
    const result =
      start === undefined
        ? await follow(agents.getTurn(turnId), timeout)
        : await followNew(
            client,
            await startTurn(agents, start.agent, start.text, options),
            options,
          );
    return result === LEFT ? EXIT_CODES.stillRunning : report(result, json);
  } finally {
    await streamTransport?.close();
    await client.connection.close();
  }
}

function sayWarning(message: string): void {
  sayAside(oneLine(message));
}

function startTurn(
  agents: AgentClient,
  agent: string,
  text: string,
  { turnId, context }: RunOptions,
): Promise<TurnHandle> {
  // Only the tree of a terminal shows a reply while it comes.
  const stream = process.stderr.isTTY ? true : undefined;
  const options: StartTurnOptions = defined({ stream, turnId, context });
  return agents.start(agent, text, options);
}

/** `follow` for a turn that this command has started: cancels it if no worker can have its agent. */
function followNew(
  client: Client,
  turn: TurnHandle,
  { taskQueue, timeout }: RunOptions,
): Promise<TurnResult | typeof LEFT> {
  return follow(turn, timeout, (snapshots) => withAgent(client, turn, taskQueue, snapshots));
}

type Checked = (snapshots: AsyncIterable<TurnSnapshot>) => AsyncIterable<TurnSnapshot>;

/** Shows the turn until it ends or the time is up. */
async function follow(
  turn: TurnHandle,
  timeout: number | undefined,
  checked: Checked = (snapshots) => snapshots,
): Promise<TurnResult | typeof LEFT> {
  const style = styleFor(process.stderr);
  const leaving = new AbortController();
  const left = new Promise<typeof LEFT>((resolve) => {
    leaving.signal.addEventListener('abort', () => resolve(LEFT));
  });
  const goesOn = `The turn goes on. To wait for it again: plait run --turn-id ${oneLine(turn.turnId)}`;
  const stopListening = onSignals(
    () => {
      sayAside(
        'Cancelling the turn and waiting for its result. Press Ctrl-C again to stop waiting.',
      );
      let isAsked = false;
      turn.cancel().then(
        () => (isAsked = true),
        (error: unknown) => sayAside(`Could not cancel the turn: ${oneLine(String(error))}`),
      );
      void whyNotCancelled(turn, () => isAsked).then((reason) => {
        if (reason === undefined) return;
        sayAside(`${reason} ${goesOn}`);
        process.exit(EXIT_CODES.interrupted);
      });
    },
    () => {
      sayAside(goesOn);
      process.exit(EXIT_CODES.interrupted);
    },
  );
  const timer =
    timeout === undefined || timeout > MAX_TIMER
      ? undefined
      : setTimeout(() => leaving.abort(), timeout);
  sayAside(style.dim(`turn ${oneLine(turn.turnId)}`));
  const partial = new PartialText();
  const over = new AbortController();
  if (process.stderr.isTTY) void partial.follow(turn, over.signal);
  try {
    const snapshots = checked(turn.watch({ signal: leaving.signal }));
    const shown = showTurn(snapshots, process.stderr, style, partial);
    const result = turn.result();
    // Handled already: it is awaited below, once the tree has shown how the turn ended.
    result.catch(() => undefined);
    await shown;
    const ended = await Promise.race([result, left]);
    if (ended === LEFT) sayAside(`No result after ${durationText(timeout ?? 0)}. ${goesOn}`);
    return ended;
  } finally {
    clearTimeout(timer);
    over.abort();
    stopListening();
  }
}

/** How long the workers may take to cancel a turn, and then to answer whether any is there. */
const CANCEL_MS = 3_000;

/**
 * Why the turn will not end soon; `undefined` if a worker answers for it, or it has ended. `isAsked`: the
 * server has accepted the request.
 */
async function whyNotCancelled(
  turn: TurnHandle,
  isAsked: () => boolean,
): Promise<string | undefined> {
  await sleep(CANCEL_MS, undefined, { ref: false });
  if (!isAsked()) return 'The Temporal server does not answer, so the turn is not cancelled.';
  const silent = 'No worker answers. The turn is cancelled as soon as one is there.';
  const asked = turn.approvals().then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof TemporalUnavailableError) return error.message;
      return error instanceof WorkerUnavailableError ? silent : undefined;
    },
  );
  return await Promise.race([asked, sleep(CANCEL_MS, silent, { ref: false })]);
}

function report(result: TurnResult, json: boolean): ExitCode {
  const answer = process.stdout.isTTY ? printable(result.text) : result.text;
  const shown = { ...result, messages: withoutLargeData(result.messages) };
  const text = json ? visibleJson(shown, 2) : answer;
  // A blank line, if the tree and the answer go to the same terminal.
  if (process.stdout.isTTY && process.stderr.isTTY) sayAside('');
  if (text !== '') say(text);
  const { stopReason, stopDetails, usage, costUSD } = result;
  sayAside(styleFor(process.stderr).dim(usageText(usage, costUSD)));
  if (stopKind(stopReason) === 'answered') return EXIT_CODES.ok;
  const said = typeof stopDetails === 'string' ? oneLine(stopDetails) : visibleJson(stopDetails);
  const details = stopDetails === undefined ? '' : `: ${said}`;
  sayAside(`The turn ended with ${oneLine(stopReason)}${details}`);
  return EXIT_CODES.stoppedEarly;
}

/** Messages for printing, without the megabytes of images. */
export function withoutLargeData(messages: Message[]): Message[] {
  return mapData(messages, (data) =>
    typeof data === 'string' && data.length >= STORED_FROM
      ? `[${data.length} characters are left out here]`
      : data,
  );
}

import { defined } from '../../core/json.ts';
import type { Client } from '@temporalio/client';
import type { StartTurnOptions } from '../../client/options.ts';
import { AgentClient } from '../../client/agent-client.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import { MAX_TIMER } from '../../core/duration.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import { clientStorage } from '../storage-setting.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { onSignals } from '../run-worker.ts';
import { note, say } from '../say.ts';
import { showTurn } from '../show-turn.ts';
import { styleFor } from '../style.ts';
import { requireWorker } from '../task-queue.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { durationText, oneLine, printable } from '../text.ts';
import { withoutLargeData } from '../without-data.ts';

export interface RunOptions {
  taskQueue: string;
  json?: boolean;
  /** Milliseconds to wait for the end of the turn. */
  timeout?: number;
  turnId?: string;
  context?: unknown;
  storage?: string;
}

const LEFT = Symbol('left');

/** `plait run`: starts a turn, shows it on stderr, and prints its text or its result on stdout. */
export async function runCommand(
  agent: string,
  text: string,
  options: RunOptions,
): Promise<ExitCode> {
  const client = await connectTo(configuredTarget(), clientStorage(options.storage));
  try {
    await requireWorker(client, options.taskQueue);
    const turn = await startTurn(client, agent, text, options);
    const result = await follow(turn, options.timeout);
    return result === LEFT ? EXIT_CODES.stillRunning : report(result, options.json === true);
  } finally {
    await client.connection.close();
  }
}

function startTurn(
  client: Client,
  agent: string,
  text: string,
  { taskQueue, turnId, context }: RunOptions,
): Promise<TurnHandle> {
  const options: StartTurnOptions = {
    ...defined({ turnId, context }),
  };
  return new AgentClient({ client, taskQueue }).start(agent, text, options);
}

/** Shows the turn until it ends, the time is up, or somebody leaves. */
async function follow(
  turn: TurnHandle,
  timeout: number | undefined,
): Promise<TurnResult | typeof LEFT> {
  const style = styleFor(process.stderr);
  const leaving = new AbortController();
  const left = new Promise<typeof LEFT>((resolve) => {
    leaving.signal.addEventListener('abort', () => resolve(LEFT));
  });
  const goesOn = `The turn goes on. To wait for it again, run the same command with --turn-id ${turn.turnId}`;
  const stopListening = onSignals(
    () => {
      note('Cancelling the turn and waiting for its result; Ctrl-C again leaves it alone.');
      turn.cancel().catch((error: unknown) => note(`It could not be cancelled: ${String(error)}`));
    },
    () => {
      note(goesOn);
      process.exit(EXIT_CODES.interrupted);
    },
  );
  const timer =
    timeout === undefined || timeout > MAX_TIMER
      ? undefined
      : setTimeout(() => leaving.abort(), timeout);
  note(style.dim(`turn ${turn.turnId}`));
  try {
    const shown = showTurn(turn.watch({ signal: leaving.signal }), process.stderr, style);
    const result = turn.result();
    // Reported below, and not before the tree has shown it.
    result.catch(() => undefined);
    await shown;
    const ended = await Promise.race([result, left]);
    if (ended === LEFT) note(`No result after ${durationText(timeout ?? 0)}. ${goesOn}`);
    return ended;
  } finally {
    clearTimeout(timer);
    stopListening();
  }
}

function report(result: TurnResult, json: boolean): ExitCode {
  const answer = process.stdout.isTTY ? printable(result.text) : result.text;
  const shown = { ...result, messages: withoutLargeData(result.messages) };
  const text = json ? JSON.stringify(shown, null, 2) : answer;
  // Between the tree and the answer, where one terminal shows both.
  if (process.stdout.isTTY && process.stderr.isTTY) note('');
  if (text !== '') say(text);
  const { stopReason, stopDetails } = result;
  if (stopReason === 'end_turn' || stopReason === 'stop_sequence') return EXIT_CODES.ok;
  const said = typeof stopDetails === 'string' ? oneLine(stopDetails) : JSON.stringify(stopDetails);
  const details = stopDetails === undefined ? '' : `: ${said}`;
  note(`The turn ended with ${stopReason}${details}`);
  return EXIT_CODES.stoppedEarly;
}

import { createLogUpdate } from 'log-update';
import type { TurnSnapshot } from '../client/follow/snapshot.ts';
import { drawTree } from './live-tree.ts';
import { partialLines } from './partial-text.ts';
import type { Style } from './style.ts';
import { turnChanges } from './turn-log.ts';
import type { Logged } from './turn-log.ts';

const FRAME_MS = 80;
const DEFAULT_COLUMNS = 80;

/**
 * Shows a turn until its snapshots end: in a terminal as a tree that is drawn again and again, elsewhere
 * as a line for every change. Below the tree stands `partial`, what the model has written so far. Returns the
 * last snapshot.
 */
export async function showTurn(
  snapshots: AsyncIterable<TurnSnapshot>,
  out: NodeJS.WriteStream,
  style: Style,
  partial: Growing = NOTHING,
): Promise<TurnSnapshot | undefined> {
  return out.isTTY ? await drawTurn(snapshots, out, style, partial) : await logTurn(snapshots, out);
}

/** What the model has written so far of its reply. */
interface Growing {
  readonly text: string;
}
const NOTHING: Growing = { text: '' };

async function drawTurn(
  snapshots: AsyncIterable<TurnSnapshot>,
  out: NodeJS.WriteStream,
  style: Style,
  partial: Growing,
): Promise<TurnSnapshot | undefined> {
  const update = createLogUpdate(out);
  let latest: TurnSnapshot | undefined;
  const draw = (text: string): void => {
    if (latest === undefined) return;
    const below = partialLines(text, { columns: out.columns ?? DEFAULT_COLUMNS, style });
    update([treeText(latest, out.columns, style), ...below].join('\n'));
  };
  // Between two snapshots only the clock and the partial text change.
  const frames = setInterval(() => draw(partial.text), FRAME_MS);
  try {
    for await (latest of snapshots) draw(partial.text);
  } finally {
    clearInterval(frames);
    draw('');
    update.done();
  }
  return latest;
}

async function logTurn(
  snapshots: AsyncIterable<TurnSnapshot>,
  out: NodeJS.WritableStream,
): Promise<TurnSnapshot | undefined> {
  let latest: TurnSnapshot | undefined;
  let logged: Logged = new Map();
  for await (latest of snapshots) {
    const changes = turnChanges(latest, logged);
    logged = changes.logged;
    for (const line of changes.lines) out.write(`${line}\n`);
  }
  return latest;
}

/** The tree as it is now, as text. */
export function treeText(turn: TurnSnapshot, columns: number | undefined, style: Style): string {
  const options = { columns: columns ?? DEFAULT_COLUMNS, now: Date.now(), style };
  return drawTree(turn, options).join('\n');
}

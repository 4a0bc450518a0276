import { createLogUpdate } from 'log-update';
import type { TurnSnapshot } from '../client/follow/snapshot.ts';
import { drawTree } from './live-tree.ts';
import type { Style } from './style.ts';
import { turnNews } from './turn-log.ts';
import type { Told } from './turn-log.ts';

const FRAME_MS = 80;
const DEFAULT_COLUMNS = 80;

/**
 * Shows a turn until its snapshots end: a tree that is drawn again and again in a terminal, and
 * elsewhere a line for every change. Returns the last snapshot.
 */
export async function showTurn(
  snapshots: AsyncIterable<TurnSnapshot>,
  out: NodeJS.WriteStream,
  style: Style,
): Promise<TurnSnapshot | undefined> {
  return out.isTTY ? await drawTurn(snapshots, out, style) : await logTurn(snapshots, out);
}

async function drawTurn(
  snapshots: AsyncIterable<TurnSnapshot>,
  out: NodeJS.WriteStream,
  style: Style,
): Promise<TurnSnapshot | undefined> {
  const update = createLogUpdate(out);
  let latest: TurnSnapshot | undefined;
  const draw = (): void => {
    if (latest !== undefined) update(treeText(latest, out.columns, style));
  };
  // Between two snapshots only the clock moves.
  const frames = setInterval(draw, FRAME_MS);
  try {
    for await (latest of snapshots) draw();
  } finally {
    clearInterval(frames);
    draw();
    update.done();
  }
  return latest;
}

async function logTurn(
  snapshots: AsyncIterable<TurnSnapshot>,
  out: NodeJS.WritableStream,
): Promise<TurnSnapshot | undefined> {
  let latest: TurnSnapshot | undefined;
  let told: Told = new Map();
  for await (latest of snapshots) {
    const news = turnNews(latest, told);
    told = news.told;
    for (const line of news.lines) out.write(`${line}\n`);
  }
  return latest;
}

/** The tree as it is now, for one who wants it as text. */
export function treeText(turn: TurnSnapshot, columns: number | undefined, style: Style): string {
  const options = { columns: columns ?? DEFAULT_COLUMNS, now: Date.now(), style };
  return drawTree(turn, options).join('\n');
}

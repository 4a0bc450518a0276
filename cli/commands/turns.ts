import { AgentClient } from '../../client/agent-client.ts';
import type { ListedTurn, ListTurnsOptions } from '../../client/lists.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { firstOf } from '../progress.ts';
import { say, sayAside } from '../say.ts';
import { clientStorage } from '../storage-setting.ts';
import { styleFor } from '../style.ts';
import { tableLines } from '../table.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { cutTo, durationText, oneLine, spanText, visibleJson } from '../text.ts';
import { costText, tokensText } from '../../core/turn/usage-text.ts';

/** What the lists of turns and of sessions have in common. */
export interface ListOptions {
  limit: number;
  json?: boolean;
}

export interface TurnsCommandOptions extends ListOptions, Omit<ListTurnsOptions, 'usage'> {
  storage?: string;
}

const HEADINGS = ['TURN', 'STATUS', 'AGENT', 'STARTED', 'TOOK', 'TOKENS', 'COST', 'ASKED'];

/** For the words with which a turn began. */
const ASKED_COLUMNS = 40;

/** `plait turns`: the newest turns, those of sessions included. */
export async function turnsCommand(options: TurnsCommandOptions): Promise<ExitCode> {
  const { limit, json, storage, ...wanted } = options;
  const client = await connectTo(configuredTarget(), clientStorage(storage));
  try {
    const turns = new AgentClient({ client }).listTurns({ ...wanted, usage: true });
    sayList(await firstOf(turns, limit, 'turns'), 'turn', { json, headings: HEADINGS, rowOf });
    return EXIT_CODES.ok;
  } finally {
    await client.connection.close();
  }
}

function rowOf(turn: ListedTurn, now: number): string[] {
  const { turnId, agent = '', status, stopReason, startTime, closeTime, usage, costUSD } = turn;
  const { asked = '' } = turn;
  return [
    turnId,
    stopReason ?? status,
    agent,
    `${spanText(now - startTime.getTime())} ago`,
    closeTime === undefined ? '' : durationText(closeTime.getTime() - startTime.getTime()),
    usage === undefined ? '' : tokensText(usage),
    costUSD === undefined ? '' : costText(costUSD),
    cutTo(oneLine(asked), ASKED_COLUMNS),
  ];
}

export interface ListLayout<T> {
  json: boolean | undefined;
  headings: readonly string[];
  rowOf: (item: T, now: number) => string[];
}

/** Prints a list as a table or as JSON, and says when there are more. */
export function sayList<T>(
  { items, more }: { items: readonly T[]; more: boolean },
  what: string,
  { json, headings, rowOf: row }: ListLayout<T>,
): void {
  if (json === true) say(visibleJson(items, 2));
  else if (items.length === 0) say(`There is no such ${what}.`);
  else {
    const now = Date.now();
    const rows = items.map((item) => row(item, now));
    const layout = { columns: process.stdout.columns, style: styleFor(process.stdout) };
    for (const line of tableLines(headings, rows, layout)) say(line);
  }
  if (more) sayAside(`Only these ${items.length} are shown. To see more, raise --limit.`);
}

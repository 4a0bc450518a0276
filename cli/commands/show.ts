import type { Client } from '@temporalio/client';
import { newestTurn } from '../../client/follow/session-turns.ts';
import type { ExitCode } from '../exit-codes.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import { say, sayAside } from '../say.ts';
import { factsOf } from '../show/facts.ts';
import { pageOf } from '../show/page.ts';
import { showLines } from '../show/text.ts';
import { clientStorage } from '../storage-setting.ts';
import { styleFor } from '../style.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { oneLine, visibleJson } from '../text.ts';
import { version } from '../version.ts';
import { kindOf } from '../workflow-kind.ts';

export interface ShowCommandOptions {
  json?: boolean;
  html?: boolean;
  storage?: string;
}

/** For a pipe. */
const DEFAULT_COLUMNS = 120;

/** `plait show`: what a turn did and waited for, on one time axis, and what it used. */
export async function showCommand(
  id: string,
  { json, html, storage }: ShowCommandOptions,
): Promise<ExitCode> {
  const client = await connectTo(configuredTarget(), clientStorage(storage));
  try {
    const facts = await factsOf(client, await turnOf(client, id));
    if (html === true) process.stdout.write(pageOf(facts, version()));
    else if (json === true) say(visibleJson(facts, 2));
    else {
      const columns = process.stdout.columns ?? DEFAULT_COLUMNS;
      for (const line of showLines(facts, { columns, style: styleFor(process.stdout) })) say(line);
    }
    return EXIT_CODES.ok;
  } finally {
    await client.connection.close();
  }
}

/** For a session: the turn that it runs, or its last one. */
async function turnOf(client: Client, id: string): Promise<string> {
  if ((await kindOf(client, id)) === 'turn') return id;
  const turnId = await newestTurn(client, id);
  if (turnId === undefined) {
    throw new CliError(EXIT_CODES.wrongInput, `Session ${oneLine(id)} has not begun a turn yet.`);
  }
  sayAside(`The newest turn of session ${oneLine(id)}:`);
  return turnId;
}

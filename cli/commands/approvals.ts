import { AgentClient } from '../../client/agent-client.ts';
import { WorkerUnavailableError } from '../../client/errors.ts';
import type { WaitingCall } from '../../client/waiting-calls.ts';
import { clientStorage } from '../storage-setting.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { progressOn } from '../progress.ts';
import { say, sayAside } from '../say.ts';
import { styleFor } from '../style.ts';
import { visibleJson } from '../text.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { drawWaiting } from '../waiting-table.ts';

export interface ApprovalsCommandOptions {
  json?: boolean;
  storage?: string;
}

/** `plait approvals`: the calls of all turns that wait for a person, on stdout. */
export async function approvalsCommand(options: ApprovalsCommandOptions): Promise<ExitCode> {
  const client = await connectTo(configuredTarget(), clientStorage(options.storage));
  try {
    const calls: WaitingCall[] = [];
    let silent: WorkerUnavailableError | undefined;
    const progress = progressOn(process.stderr);
    try {
      for await (const call of new AgentClient({ client }).approvals()) {
        calls.push(call);
        progress.show(`${calls.length} calls …`);
      }
    } catch (error) {
      // The calls that other workers reported are printed first.
      if (!(error instanceof WorkerUnavailableError)) throw error;
      silent = error;
    } finally {
      progress.clear();
    }
    if (options.json === true) say(visibleJson(calls, 2));
    else if (calls.length > 0) sayTable(calls);
    else if (silent === undefined) say('No call waits for approval.');
    if (silent !== undefined) throw silent;
    return EXIT_CODES.ok;
  } finally {
    await client.connection.close();
  }
}

function sayTable(calls: readonly WaitingCall[]): void {
  const style = styleFor(process.stdout);
  const { columns } = process.stdout;
  for (const line of drawWaiting(calls, { columns, now: Date.now(), style })) say(line);
  // A hint for a person, not for a pipe.
  if (process.stdout.isTTY) {
    const hint = 'Decide with plait approve <turn-id> <call-id>, or plait deny <turn-id> <call-id>';
    sayAside(styleFor(process.stderr).dim(`\n${hint}`));
  }
}

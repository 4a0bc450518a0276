import type { Client } from '@temporalio/client';
import { AgentClient } from '../../client/agent-client.ts';
import { sessionTurns } from '../../client/follow/session-turns.ts';
import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import { again } from '../again.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { say } from '../say.ts';
import { showTurn } from '../show-turn.ts';
import { onSignals } from '../signals.ts';
import { clientStorage } from '../storage-setting.ts';
import { styleFor } from '../style.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { durationText, oneLine } from '../text.ts';
import { kindOf } from '../workflow-kind.ts';

export interface WatchCommandOptions {
  storage?: string;
}

/** `plait watch`: a turn, or the turns of a session one after the other, as they go on. It starts nothing. */
export async function watchCommand(
  id: string,
  { storage }: WatchCommandOptions,
): Promise<ExitCode> {
  const client = await connectTo(configuredTarget(), clientStorage(storage));
  const leaving = new AbortController();
  const stopListening = onSignals(
    () => leaving.abort(),
    () => process.exit(EXIT_CODES.interrupted),
  );
  const { signal } = leaving;
  try {
    if ((await kindOf(client, id)) === 'turn') await watchTurn(client, id, signal);
    else {
      let watched: string | undefined;
      for await (const turnId of again(() => sessionTurns(client, id, signal), signal)) {
        // After the server was away, the newest turn is shown once more.
        if (turnId !== watched) await watchTurn(client, turnId, signal);
        watched = turnId;
      }
      if (!signal.aborted) say(`Session ${oneLine(id)} has ended.`);
    }
    return EXIT_CODES.ok;
  } finally {
    stopListening();
    await client.connection.close();
  }
}

async function watchTurn(client: Client, turnId: string, signal: AbortSignal): Promise<void> {
  const style = styleFor(process.stdout);
  const turn = new AgentClient({ client }).getTurn(turnId);
  say(style.bold(`turn ${oneLine(turnId)}`));
  const away = { text: '' };
  const snapshots = again(
    () => turn.watch({ signal }),
    signal,
    (message) => (away.text = message),
  );
  const last = await showTurn(snapshots, process.stdout, style, away);
  if (last !== undefined && !signal.aborted) say(style.dim(endText(last)));
}

function endText({ status, stopReason, message, start, end }: TurnSnapshot): string {
  const why = [stopReason, message].flatMap((text) => (text === undefined ? [] : oneLine(text)));
  const took =
    start === undefined || end === undefined ? '' : ` after ${durationText(end - start)}`;
  return `${[status, ...why].join(': ')}${took}`;
}

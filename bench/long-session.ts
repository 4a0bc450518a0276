import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionHandle } from 'plait/client';
import type { Model } from './model.ts';
import { sessionHeader, sessionLine } from './report.ts';
import type { SessionMoment } from './results.ts';
import { summarize } from './statistics.ts';
import { whole } from './text.ts';
import { Workers } from './workers.ts';

const TURNS = 1_000;
const EARLY = 20;
/** How many of the newest messages to read: those that a person sees first. */
const PAGE = 20;
const OPENINGS = 20;
/** Longer than an idle session waits before it continues as new, with an empty history. */
const IDLE_MS = 12_000;

/** Measures a session of a thousand turns, which must be as small and as quick to open as a new one. */
export async function measureSession(
  model: Model,
  address: string,
  show: (lines: readonly string[]) => void,
): Promise<SessionMoment[]> {
  await model.restart();
  const workers = await Workers.start(model, address, 1);
  const moments: SessionMoment[] = [];
  const add = async (when: string) => {
    const moment = await look(session, when);
    moments.push(moment);
    show([sessionLine(moment, moments[0] ?? moment)]);
  };
  const session = workers.agents.openSession('bench', `session-${Date.now()}`);
  try {
    show(['', ...sessionHeader(TURNS)]);
    for (let turn = 1; turn <= TURNS; turn += 1) {
      const { text } = await (await session.send(`turn ${turn}`)).result();
      if (text !== `This was turn ${turn}.`)
        throw new Error(`turn ${turn} got the answer: ${text}`);
      if (turn === EARLY) await add(`  after ${EARLY} turns`);
    }
    await add(`  after ${whole(TURNS)} turns`);
    await sleep(IDLE_MS);
    await add('  12 s later');
    return moments;
  } finally {
    await workers.close();
  }
}

async function look(session: SessionHandle, when: string): Promise<SessionMoment> {
  const times: number[] = [];
  for (let i = 0; i < OPENINGS; i += 1) {
    const begin = performance.now();
    const { messages } = await session.describe();
    await session.transcript({ from: messages - PAGE, limit: PAGE });
    times.push(performance.now() - begin);
  }
  const { historyLength, historySize = 0 } = await session.workflow.describe();
  const { messages } = await session.describe();
  const openMs = summarize(times).median;
  return { when, openMs, events: historyLength, bytes: historySize, messages };
}

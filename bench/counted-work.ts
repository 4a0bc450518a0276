import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from 'plait/client';
import { agent, agentWithLocalTools, agentWithoutHints } from './agent.ts';
import type { ActionCounter } from './action-counter.ts';
import { actionsBetween, totalOf } from './action-counter.ts';
import type { Model } from './model.ts';
import type { CountedWork } from './results.ts';
import { LONG_REPLY, MINUTE } from './scenarios.ts';
import { count } from './text.ts';
import { Workers } from './workers.ts';

const SESSION = 'counted-session';
/** Longer than an idle session waits before it continues as new. */
const IDLE_MS = 12_000;

/** Work whose Actions are counted, for Plait alone. Its registered search attributes count. */
interface Work {
  readonly title: string;
  readonly run: (agents: AgentClient) => Promise<unknown>;
}

const WORKS: readonly Work[] = [
  {
    title: "the article's turn, tools with readOnlyHint",
    run: (agents) => agents.execute(agent, 'article'),
  },
  {
    title: "the article's turn, tools without a hint",
    run: (agents) => agents.execute(agentWithoutHints, 'article'),
  },
  {
    title: "the article's turn, tools with execution: 'local'",
    run: (agents) => agents.execute(agentWithLocalTools, 'article'),
  },
  {
    title: 'a turn of one reply',
    run: (agents) => agents.execute(agent, 'turn 0'),
  },
  {
    title: 'a new session and its first turn, of one reply',
    run: async (agents) => (await agents.openSession(agent, SESSION).send('turn 1')).result(),
  },
  {
    title: 'its second turn, of one reply',
    run: async (agents) => (await agents.openSession(agent, SESSION).send('turn 2')).result(),
  },
  { title: 'the session becomes idle', run: () => sleep(IDLE_MS) },
  {
    title: 'a reply of 30 s',
    run: (agents) => agents.execute(agent, LONG_REPLY),
  },
  {
    title: 'a reply of 30 s with `stream: true`',
    run: (agents) => agents.execute(agent, LONG_REPLY, { stream: true }),
  },
  {
    title: 'a turn with a call of one minute, readOnlyHint',
    run: (agents) => agents.execute(agent, MINUTE.name),
  },
];

/** Counts the Actions of each work once: they do not depend on how busy the machine is. */
export async function measureActions(
  { model, address, counter }: { model: Model; address: string; counter: ActionCounter },
  show: (lines: readonly string[]) => void,
): Promise<CountedWork[]> {
  await model.restart();
  const workers = await Workers.start(model, address, 1);
  const results: CountedWork[] = [];
  try {
    show(['', 'Actions (once)']);
    for (const { title, run } of WORKS) {
      const before = await counter.read();
      await run(workers.agents);
      const actions = Object.fromEntries(actionsBetween(before, await counter.read()));
      const result = { title, total: totalOf(actions), actions };
      results.push(result);
      show(linesOf(result));
    }
    return results;
  } finally {
    await workers.close();
  }
}

function linesOf({ title, total, actions }: CountedWork): string[] {
  const kinds = Object.entries(actions).map(([kind, number]) => `${count(number)} ${kind}`);
  return [`  ${count(total).padStart(5)}  ${title}`, `         ${kinds.join(', ')}`];
}

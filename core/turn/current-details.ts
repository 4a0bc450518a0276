import { plainMarkdown } from '../markdown.ts';
import { runningInBackground } from './background.ts';
import type { NextStep } from './decide.ts';
import type { TurnState } from './state.ts';
import type { Stop } from './stop-reason.ts';
import { usageText } from './usage-text.ts';

// What the Temporal UI says a turn is doing, as Markdown. A worker produces it when somebody looks: it is in
// no history and costs nothing. Times are the server's.

/** A workflow does not see failing attempts, or task queues without a worker. */
const SEE_PENDING = 'Pending Activities shows why an attempt failed and when the next one starts.';

const SCHEDULED = 'A call that Pending Activities shows as Scheduled has no worker yet.';

/** `undefined` for a step that does not wait for anything outside. */
export function waitingFor(state: TurnState, next: NextStep, time: number): string | undefined {
  const { rounds } = state;
  const since = `, since ${clock(time)}`;
  switch (next.type) {
    case 'ask model':
      return `**Round ${rounds + 1}: waiting for the model**${since}. ${SEE_PENDING}`;
    case 'run tools':
      return `**Round ${rounds}: preparing ${count(next.calls.length, 'call')}**${since}.`;
    case 'await background': {
      const running = runningInBackground(state);
      const tools = running.slice(0, MOST_SHOWN).map(({ tool }) => `- ${plainMarkdown(tool)}`);
      const what = count(running.length, 'call');
      return `**Round ${rounds}: waiting for ${what} in the background**${since}.\n\n${tools.join('\n')}`;
    }
    case 'last word':
      return `**Round ${rounds + 1}: waiting for the model's last word**${since}: ${plainMarkdown(next.stop.reason)}.`;
    case 'continue as new':
    case 'stop':
      return undefined;
  }
}

/** A call without an outcome. */
export interface OpenCall {
  tool: string;
  /** Its short arguments; empty if nobody may see them. */
  summary: string;
  /**
   * - `asked`: a person has to decide about it
   * - `held`: it waits for an earlier call
   * - `queued`: it waits for room among those that run
   * - `running`: it is scheduled, or runs; which of both, only the server knows
   * - `awaitingCompletion`: somebody outside has to complete it
   * - `awaitingResult`: it waits for a call in the background
   */
  doing: 'asked' | 'held' | 'queued' | 'running' | 'awaitingCompletion' | 'awaitingResult';
  /** The task queue of its tool, if it is not the turn's. */
  taskQueue?: string;
  /** The agent that answers it, if it is a sub-agent. */
  agent?: string;
  /** How often its worker was lost. */
  lostWorkers?: number;
}

export interface OpenBatch {
  round: number;
  /** How many calls the reply has. */
  all: number;
  /** How many of them have no outcome yet. */
  open: number;
  /** The first of them. */
  calls: readonly OpenCall[];
  /** When the calls began; milliseconds since the epoch. */
  since: number;
}

/** Nobody reads more lines. */
export const MOST_SHOWN = 10;

const DOING: Record<Exclude<OpenCall['doing'], 'running'>, string> = {
  asked: 'waits for a person',
  held: 'waits for an earlier call',
  queued: 'waits until fewer calls run',
  awaitingCompletion: 'waits to be completed from outside',
  awaitingResult: 'waits for a call in the background',
};

function doingText({ doing, taskQueue, agent, lostWorkers = 0 }: OpenCall): string {
  if (doing !== 'running') return DOING[doing];
  if (agent !== undefined) return `runs a turn of agent ${plainMarkdown(agent)}`;
  const where = taskQueue === undefined ? '' : ` of task queue ${plainMarkdown(taskQueue)}`;
  const lost =
    lostWorkers === 0
      ? ''
      : `. It has lost its worker ${lostWorkers === 1 ? 'once' : `${lostWorkers} times`}, and may be the cause`;
  return `runs, or waits for a worker${where}${lost}`;
}

/** Shown while the calls of a reply run or wait. Calls that wait for a person come first. */
export function waitingForCalls({ round, all, open, calls, since }: OpenBatch): string {
  const people = calls.filter(({ doing }) => doing === 'asked');
  const what = people.length === open ? 'a person' : people.length > 0 ? 'a person and calls' : '';
  const head = `**Round ${round}: waiting for ${what || count(open, 'call')}**`;
  const shown = [...people, ...calls.filter(({ doing }) => doing !== 'asked')];
  const more = open - shown.length;
  const mayWait = shown.some(({ doing, agent }) => doing === 'running' && agent === undefined);
  return [
    `${head}, since ${clock(since)}. ${all - open} of ${count(all, 'call')} ended.`,
    [
      ...shown.map((call) => {
        const { tool, summary } = call;
        const about = summary === '' ? '' : ` (${plainMarkdown(summary)})`;
        return `- **${plainMarkdown(tool)}**${about} ${doingText(call)}`;
      }),
      ...(more > 0 ? [`- and ${more} more`] : []),
    ].join('\n'),
    ...(mayWait ? [SCHEDULED] : []),
  ].join('\n\n');
}

/** Why a turn has ended, and who decided what. Without what people wrote, if nobody may see it. */
export function endText(
  { calls }: TurnState,
  { reason, details }: Stop,
  { begunAt, time, summaries }: { begunAt: number; time: number; summaries: boolean },
): string {
  const why = summaries && typeof details === 'string' ? `: ${plainMarkdown(details)}` : '.';
  const decided = calls.flatMap(({ name, approval }) =>
    approval === undefined ? [] : [{ name, ...approval }],
  );
  const lines = decided.slice(0, MOST_SHOWN).map(({ name, decision, by, reason: because, at }) => {
    const who = summaries && by !== undefined ? ` by ${plainMarkdown(by)}` : '';
    const text = summaries && because !== undefined ? `: ${plainMarkdown(because)}` : '';
    const what = decision === 'expired' ? 'nobody decided in time' : `${decision}${who}`;
    return `- **${plainMarkdown(name)}**: ${what}, ${clock(Date.parse(at))}${text}`;
  });
  const more = decided.length - lines.length;
  return [
    `**Ended with ${plainMarkdown(reason)}**, ${clock(time)}${why}`,
    `Began ${clock(begunAt)}.`,
    ...(lines.length === 0
      ? []
      : [[...lines, ...(more > 0 ? [`- and ${more} more decisions`] : [])].join('\n')]),
  ].join('\n\n');
}

/** Why a turn has failed. */
export function failureText(message: string, time: number): string {
  return `**Failed**, ${clock(time)}: ${plainMarkdown(message)}`;
}

/** What a turn has used, shown below what it is doing. */
export function usedText({ rounds, calls, usage, costUSD }: TurnState): string {
  return `Used: ${count(rounds, 'round')}, ${count(calls.length, 'answered call')}, ${usageText(usage, costUSD)}.`;
}

/** `2026-11-29 13:00:05 UTC` */
export function clock(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`;
}

import type { ActivitySnapshot, TurnSnapshot } from '../client/follow/snapshot.ts';
import { isSettled } from '../client/follow/snapshot.ts';
import { durationText, oneLine } from './text.ts';

/** The steps of a turn as lines have told them so far: a step's key and what was said of it. */
export type Told = ReadonlyMap<string, string>;

export interface News {
  lines: string[];
  told: Told;
}

/**
 * What has changed since `told`, a line for each change: for logs and pipes, where a tree cannot be
 * drawn again. Pure; begin with an empty map.
 */
export function turnNews(turn: TurnSnapshot, told: Told): News {
  const next = new Map(told);
  const lines: string[] = [];
  for (const { round, model, calls } of turn.rounds) {
    const steps = [
      { key: `${round}`, name: 'model', step: model },
      ...calls.map((call) => {
        const summary = oneLine(call.summary);
        return { key: `${round}/${call.id}`, name: `${call.name}(${summary})`, step: call };
      }),
    ];
    for (const { key, name, step } of steps) {
      const text = stateText(step);
      // What waits for a worker is soon running; saying both would double every log.
      if (step.state === 'scheduled' || next.get(key) === text) continue;
      next.set(key, text);
      lines.push(`round ${round}  ${name}  ${text}${detailsOf(step)}`);
    }
  }
  return { lines, told: next };
}

function stateText({ state, attempt }: ActivitySnapshot): string {
  return attempt > 1 && !isSettled(state) ? `${state}, attempt ${attempt}` : state;
}

function detailsOf({ state, start, end, attempt, message }: ActivitySnapshot): string {
  const time =
    isSettled(state) && attempt > 0 && start !== undefined && end !== undefined
      ? ` after ${durationText(end - start)}`
      : '';
  return message === undefined || state === 'succeeded' ? time : `${time}: ${oneLine(message)}`;
}

import type { ActivitySnapshot, TurnSnapshot } from '../client/follow/snapshot.ts';
import { isSettled } from '../client/follow/snapshot.ts';
import { blockedText } from './live-tree.ts';
import { durationText, oneLine } from './text.ts';

/** The last text of each step, by its key. */
export type Logged = ReadonlyMap<string, string>;

export interface TurnChanges {
  lines: string[];
  logged: Logged;
}

/**
 * A line for each change since `logged`, for logs and pipes, where a tree cannot be redrawn. Start with an
 * empty map. Pure.
 */
export function turnChanges(turn: TurnSnapshot, logged: Logged): TurnChanges {
  const next = new Map(logged);
  return { lines: linesOf(turn, '', next), logged: next };
}

/** `within` names the calls of the sub-agents around this turn. */
function linesOf(turn: TurnSnapshot, within: string, next: Map<string, string>): string[] {
  const lines: string[] = [];
  for (const { round, model, calls } of turn.rounds) {
    const steps = [
      { key: `${round}`, name: 'model', step: model, inner: undefined },
      ...calls.map((call) => {
        const summary = oneLine(call.summary);
        return {
          key: `${round}/${call.id}`,
          name: `${oneLine(call.name)}(${summary})`,
          step: call,
          inner: call.subAgent?.turn,
        };
      }),
    ];
    for (const { key: own, name, step, inner } of steps) {
      const key = `${within}${own}`;
      // What a sub-agent did comes before the end of its call.
      if (inner !== undefined)
        lines.push(...linesOf(inner, `${within}round ${round}  ${name}  > `, next));
      const text = stateText(step);
      // A scheduled step soon runs; a line for both would double every log.
      if (step.state === 'scheduled' || next.get(key) === text) continue;
      next.set(key, text);
      lines.push(`${within}round ${round}  ${name}  ${text}${detailsOf(step)}`);
    }
  }
  const blocked = turn.blocked === undefined ? '' : blockedText(turn.blocked);
  if (blocked !== '' && next.get(within) !== blocked) lines.push(`${within}${blocked}`);
  next.set(within, blocked);
  return lines;
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

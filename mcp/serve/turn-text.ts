import type { CallSnapshot, TurnSnapshot } from '../../client/follow/snapshot.ts';
import { isSettled, waitsForPerson } from '../../client/follow/snapshot.ts';

// What the caller of an MCP tool reads of a turn that has not ended.

/** What the turn is doing, in a clause. */
export function doingText({ rounds }: TurnSnapshot): string {
  const last = rounds.at(-1);
  if (last === undefined) return 'no worker has taken it yet';
  const { round, model, calls } = last;
  const open = calls.filter(({ state }) => !isSettled(state));
  if (!isSettled(model.state)) {
    const why = model.message === undefined ? '' : ` (${model.state}: ${model.message})`;
    return `round ${round}: the model is asked${why}`;
  }
  if (open.length === 0) return `round ${round}: all calls have ended`;
  const ended = `${calls.length - open.length} of ${calls.length} calls have ended`;
  return `round ${round}: ${ended}; open: ${open.map(callText).join(', ')}`;
}

function callText({ name, state, message }: CallSnapshot): string {
  return `${name} (${state === 'waiting' ? (message ?? state) : state})`;
}

/** Whether every open call waits for a person. */
export function waitsForPeople({ rounds }: TurnSnapshot): boolean {
  const last = rounds.at(-1);
  if (last === undefined || !isSettled(last.model.state)) return false;
  const open = last.calls.filter(({ state }) => !isSettled(state));
  return open.length > 0 && open.every(isLeftToPeople);
}

function isLeftToPeople(call: CallSnapshot): boolean {
  const { subAgent } = call;
  return subAgent?.turn === undefined ? waitsForPerson(call) : waitsForPeople(subAgent.turn);
}

export function goesOnText(turnId: string, snapshot: TurnSnapshot | undefined): string {
  const doing = snapshot === undefined ? 'it has just begun' : doingText(snapshot);
  if (snapshot !== undefined && waitsForPeople(snapshot)) {
    return `Turn ${turnId} waits for a person: ${doing}. turn_approvals with this turnId lists what a person must decide about. Afterwards call turn_result with it.`;
  }
  return `Turn ${turnId} has not ended yet, and goes on by itself: ${doing}. Call turn_result with this turnId to wait for its answer; do not start it again.`;
}

import type { CallRecord } from '../core/calls/record.ts';
import type { CallMatch } from './call-match.ts';
import { assign, listText, matchText } from './call-match.ts';
import { callText } from './observed-turn.ts';

/**
 * How the calls of a turn are compared with a trajectory. The names are those of agentevals
 * (https://github.com/langchain-ai/agentevals); here a step is a whole reply:
 *
 * - `strict`: exactly these replies, in this order, each with exactly these calls.
 * - `unordered`: exactly these calls, in whatever replies.
 * - `superset`: at least these calls; others are fine.
 * - `subset`: no others than these; some may be missing.
 */
export type TrajectoryMode = (typeof TRAJECTORY_MODES)[number];

export const TRAJECTORY_MODES = ['strict', 'unordered', 'superset', 'subset'] as const;

/** The calls of one reply of the model, in any order: those that run together. */
export type TrajectoryStep = readonly CallMatch[];

/** How the calls differ from the trajectory, as a sentence without its end; `undefined` where they do not. */
export function trajectoryProblem(
  mode: TrajectoryMode,
  steps: readonly TrajectoryStep[],
  calls: readonly CallRecord[],
): string | undefined {
  if (mode === 'strict') return strictProblem(steps, calls);
  const wanted = steps.flat();
  const { missing, extra } = assign(wanted, calls);
  const problems = [
    ...(mode === 'subset' || missing.length === 0 ? [] : [`there was none of ${matched(missing)}`]),
    ...(mode === 'superset' || extra.length === 0 ? [] : [`there was also ${made(extra)}`]),
  ];
  if (problems.length === 0) return undefined;
  return `expected ${EXPECTED[mode]} ${matched(wanted)}, but ${problems.join(', and ')}`;
}

const EXPECTED: Record<Exclude<TrajectoryMode, 'strict'>, string> = {
  unordered: 'exactly one call for each of',
  superset: 'at least one call for each of',
  subset: 'no other calls than',
};

/** Names the first reply that differs. A reply without calls, such as the answer, is not a step. */
function strictProblem(
  steps: readonly TrajectoryStep[],
  calls: readonly CallRecord[],
): string | undefined {
  const rounds = [...new Set(calls.map(({ round }) => round))].toSorted((a, b) => a - b);
  for (let i = 0; i < Math.max(steps.length, rounds.length); i++) {
    const step = steps[i];
    const round = rounds[i];
    const asked = calls.filter((call) => call.round === round);
    if (step === undefined) {
      const after = i === 0 ? 'no calls' : `no calls after step ${i}`;
      return `expected ${after}, but round ${round} asked for ${made(asked)}`;
    }
    const expected = `expected step ${i + 1} to be ${matched(step)}`;
    if (round === undefined) return `${expected}, but the model asked for nothing more`;
    const { missing, extra } = assign(step, asked);
    if (missing.length + extra.length > 0)
      return `${expected}, but round ${round} asked for ${made(asked)}`;
  }
  return undefined;
}

function matched(matches: readonly CallMatch[]): string {
  return listText(matches.map(matchText));
}

function made(calls: readonly CallRecord[]): string {
  return listText(calls.map(({ name, input }) => callText(name, input)));
}

import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import { stopKind } from '../../core/turn/stop-reason.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Style } from '../style.ts';
import { durationText, oneLine, visibleJson } from '../text.ts';
import type { TurnEnd } from './conversation.ts';
import { inputTokens } from '../../core/turn/usage.ts';

const DROPPED = 'The message was never answered: the session was closed before its turn began.';

/** What to print at the end of a turn, besides its answer: a line each. */
export function endLines(end: TurnEnd, last: TurnSnapshot | undefined, style: Style): string[] {
  switch (end.type) {
    case 'ended':
      return [...stopLine(end.result, style), style.dim(`  ${costLine(end.result, last)}`)];
    case 'failed':
      return [style.red(`  The turn failed: ${oneLine(end.error.message)}`)];
    case 'dropped':
      return [style.yellow(`  ${DROPPED}`)];
  }
}

/** The same codes as those of `plait run`. */
export function endCode(end: TurnEnd): ExitCode {
  if (end.type === 'failed') return EXIT_CODES.turnFailed;
  if (end.type === 'dropped') return EXIT_CODES.rejected;
  return stopKind(end.result.stopReason) === 'answered' ? EXIT_CODES.ok : EXIT_CODES.stoppedEarly;
}

function stopLine(result: TurnResult, style: Style): string[] {
  const { stopReason, stopDetails } = result;
  if (stopKind(stopReason) === 'answered') return [];
  const details = stopDetails === undefined ? '' : `: ${visibleJson(stopDetails)}`;
  return [style.yellow(`  The turn ended with ${oneLine(stopReason)}${details}`)];
}

function costLine({ usage, rounds, calls }: TurnResult, last: TurnSnapshot | undefined): string {
  const { start, end } = last ?? {};
  const parts = [
    count(rounds, 'model request'),
    ...(calls.length === 0 ? [] : [count(calls.length, 'call')]),
    `${inputTokens(usage)} tokens in`,
    `${usage.output_tokens} out`,
    ...(start === undefined || end === undefined ? [] : [durationText(end - start)]),
  ];
  return parts.join(' · ');
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

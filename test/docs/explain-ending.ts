import type { TurnResult } from 'plait';

/** What to show a person whose turn has ended. */
export function explainEnding({ stopReason, text, stopDetails }: TurnResult): string {
  switch (stopReason) {
    case 'end_turn':
    case 'stop_sequence':
      return text;
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return `${text} … (the answer was cut off)`;
    case 'refusal':
      return 'Claude has declined to answer.';
    case 'unknown':
      return `The model stopped for an unknown reason: ${String(stopDetails)}`;
    default:
      return `The turn ended: ${stopReason}`;
  }
}

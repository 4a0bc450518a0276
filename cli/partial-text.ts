import type { TurnHandle } from '../client/turn-handle.ts';
import type { TurnStreamEvent } from '../client/follow/stream-events.ts';
import type { Style } from './style.ts';
import { cutTo, paragraphs, printable } from './text.ts';

/** How many lines of a reply are shown while the model writes it: the newest ones. */
const ROWS = 6;
/** In characters: enough for these lines on any screen. */
const CHARACTERS = 4_000;

/** The text of the reply that the model writes now; empty when no reply is open. */
export class PartialText {
  text = '';

  take(event: TurnStreamEvent): void {
    switch (event.type) {
      case 'textDelta':
        this.text = (this.text + event.text).slice(-CHARACTERS);
        break;
      case 'attemptRestarted':
      case 'replyCommitted':
      case 'turnEnded':
        this.text = '';
        break;
      default: // thinkingDelta, callForming, what happens to calls, notStreamed
        break;
    }
  }

  /** Follows the turn. Never fails: the turn's snapshots show what is wrong. */
  async follow(turn: TurnHandle, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of turn.stream({ signal })) this.take(event);
    } catch {
      this.text = '';
    }
  }
}

/** The end of the text, in at most so many lines. Pure. */
export function partialLines(
  text: string,
  { columns, style, rows = ROWS }: { columns: number; style: Style; rows?: number },
): string[] {
  const shown = Math.min(rows, ROWS);
  if (text.trim() === '' || shown < 1) return [];
  const room = columns - 3;
  const lines = paragraphs(printable(text.trim()).replaceAll('\t', ' '), room);
  return lines.slice(-shown).map((line) => style.dim(`  ${cutTo(line, room)}`));
}

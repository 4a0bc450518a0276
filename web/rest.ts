import type { MessageChunk } from './chunk.ts';

/** How much of a turn's message a page has. */
export interface Seen {
  /** The newest step that it has, from 1. */
  round: number;
  /** The whole step except how its calls end, or perhaps only the beginning, because the connection was lost. */
  type: 'whole step' | 'part of step';
}

/**
 * The part of a chunk to send to a page that already has the beginning of the message. How calls end is sent
 * again, because the page may have missed it: it replaces what the page knows of the call.
 *
 * @param round the step of the chunk
 */
export function restOf(chunk: MessageChunk, round: number, seen: Seen): MessageChunk[] {
  switch (chunk.type) {
    case 'start':
      return [];
    case 'tool-approval-response':
    case 'tool-output-available':
    case 'tool-output-error':
    case 'tool-output-denied':
      return [chunk];
    case 'error':
    case 'finish':
      // The reply whose beginning the page has was never completed.
      return round < seen.round ? [{ type: 'reset-step' }, chunk] : [chunk];
    default:
      break;
  }
  if (round > seen.round) return [chunk];
  if (round < seen.round || seen.type === 'whole step') return [];
  return [chunk.type === 'start-step' ? { type: 'reset-step' } : chunk];
}

import type { InputBlock, Message } from '../conversation/messages.ts';
import { beginningOf, shorten } from '../json.ts';
import { plainMarkdown } from '../markdown.ts';

// The heading of a turn or a session in the Temporal UI. Written at the start, and never changed.

/** A message, or a conversation that ends with it. */
type Input = string | readonly InputBlock[] | readonly Message[];

/** The Temporal UI shows no more. */
const MAX_SUMMARY = 200;
const MAX_DETAILS = 1_000;

/** One line of Markdown: the agent, and the user's first words if they may be shown. */
export function summaryOf(agent: string, input: Input | undefined): string {
  const words = input === undefined ? '' : `: ${wordsOf(input, MAX_SUMMARY)}`;
  return plainMarkdown(shorten(`${agent}${words}`, MAX_SUMMARY));
}

/** The user's first words, as lists show them; nothing if they must not be shown. */
export function askedWords(input: Input | undefined): string | undefined {
  const words = input === undefined ? '' : wordsOf(input, MAX_SUMMARY);
  return words === '' ? undefined : words;
}

/** The same for a session's turn; a chat reads this back. */
export function summaryOfMessage(input: Input): string {
  return plainMarkdown(wordsOf(input, MAX_SUMMARY));
}

/** What it is about, as Markdown. */
export interface About {
  agent: string;
  user?: string | undefined;
  sessionId?: string | undefined;
  /** For a sub-agent: the turn that has called it. */
  callingTurn?: string | undefined;
  /** Absent if it must not be shown. */
  input?: Input | undefined;
}

export function detailsOf({ agent, user, sessionId, callingTurn, input }: About): string {
  const lines = [
    ['Agent', agent],
    ['Session', sessionId],
    ['Called by turn', callingTurn],
    ['User', user],
    ['Message', input === undefined ? undefined : wordsOf(input, MAX_DETAILS)],
  ] as const;
  return lines
    .flatMap(([name, value]) => (value === undefined ? [] : `**${name}** ${plainMarkdown(value)}`))
    .join('\n\n');
}

/** The texts of a message, and how many other parts it has. */
function wordsOf(input: Input, limit: number): string {
  if (typeof input === 'string') return beginningOf(input, limit);
  const last = input.at(-1);
  if (last !== undefined && 'role' in last) return wordsOf(last.content, limit);
  const blocks = input as readonly InputBlock[];
  const texts = blocks.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  const others = blocks.length - texts.length;
  const rest = others === 0 ? '' : `${others} other part${others === 1 ? '' : 's'}`;
  const words = beginningOf(texts.join(' '), limit);
  return rest === '' || words === '' ? words || rest : `${words} (and ${rest})`;
}

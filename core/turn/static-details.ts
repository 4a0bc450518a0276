import type { InputBlock, Message } from '../conversation/messages.ts';
import { beginningOf, shorten } from '../json.ts';
import { plainMarkdown } from '../markdown.ts';

// What stands above a turn or a session in the Temporal UI. It is written with the start, and stays.

/** A message, or a conversation whose last message it is. */
type Input = string | readonly InputBlock[] | readonly Message[];

/** The Temporal UI shows no more. */
const MAX_SUMMARY = 200;
const MAX_DETAILS = 1_000;

/** In one line: the agent, and the first words of the user, unless nobody is to see them. Markdown. */
export function summaryOf(agent: string, input: Input | undefined): string {
  const words = input === undefined ? '' : `: ${wordsOf(input, MAX_SUMMARY)}`;
  return plainMarkdown(shorten(`${agent}${words}`, MAX_SUMMARY));
}

/** The first words of the user, as lists show them; nothing where nobody is to see them. */
export function askedWords(input: Input | undefined): string | undefined {
  const words = input === undefined ? '' : wordsOf(input, MAX_SUMMARY);
  return words === '' ? undefined : words;
}

/** The same of a session's turn, which a chat reads back. */
export function summaryOfMessage(input: Input): string {
  return plainMarkdown(wordsOf(input, MAX_SUMMARY));
}

/** What it is about, as Markdown. */
export interface About {
  agent: string;
  user?: string | undefined;
  sessionId?: string | undefined;
  /** Of a sub-agent: the turn that has called it. */
  callingTurn?: string | undefined;
  /** Left out where nobody is to see it. */
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

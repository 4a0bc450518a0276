import type { SessionDescription, SessionHandle } from '../../client/session-handle.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { inputTokens } from '../../core/turn/usage.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import type { Style } from '../style.ts';
import { oneLine } from '../text.ts';
import { field } from '../worker-report.ts';
import { describeIfThere } from './conversation.ts';
import { count } from './end-lines.ts';
import { historyLines } from './history-lines.ts';

/** What the session held before this chat. */
export interface Opening {
  /** `undefined`: the first message will create the session. */
  state: SessionDescription | undefined;
  /** The last messages. */
  messages: readonly Message[];
  /** How many messages come before them. */
  earlier: number;
}

/** Reads the state of a session, and its last messages. */
export async function readOpening(session: SessionHandle, limit: number): Promise<Opening> {
  const state = await describeIfThere(session);
  if (state === undefined) return { state, messages: [], earlier: 0 };
  const from = Math.max(0, state.messages - limit);
  const { messages } = limit === 0 ? { messages: [] } : await session.transcript({ from, limit });
  return { state, messages, earlier: from };
}

/** What the person wrote before, the newest first, for the history of the line editor. */
export function saidBefore({ messages }: Opening): string[] {
  const texts = messages.flatMap(({ role, content }) => {
    if (role !== 'user') return [];
    if (typeof content === 'string') return [content];
    return content.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  });
  // The line editor's history has single lines only.
  return texts.filter((text) => !/\p{Cc}/u.test(text)).toReversed();
}

/** The agent of a chat: the named one, or that of the session. */
export function agentOf({ state }: Opening, asked: string | undefined, sessionId: string): string {
  if (state === undefined && asked !== undefined) return asked;
  if (state === undefined) {
    throw new CliError(
      EXIT_CODES.wrongInput,
      `There is no session ${sessionId}. To begin it, name an agent: plait chat <agent> --session ${sessionId}`,
    );
  }
  if (asked === undefined || asked === state.agent) return state.agent;
  throw new CliError(
    EXIT_CODES.wrongInput,
    `Session ${sessionId} belongs to agent ${state.agent}, not to ${asked}. Choose another --session, or name ${state.agent}.`,
  );
}

/** What a chat prints first: agent, session, and the last messages. Pure. */
export function openingLines(
  opening: Opening,
  about: { agent: string; sessionId: string; link: string | undefined },
  { columns, style }: { columns: number; style: Style },
): string[] {
  const { state, messages, earlier } = opening;
  const lines = [
    field('agent', style.bold(oneLine(about.agent)), style),
    field('session', `${style.bold(oneLine(about.sessionId))}, ${stateText(state)}`, style),
    ...(about.link === undefined ? [] : [field('UI', style.cyan(about.link), style)]),
  ];
  const before = earlier === 0 ? [] : ['', style.dim(`  … ${count(earlier, 'earlier message')}`)];
  return [...lines, ...before, ...historyLines(messages, { columns, style })];
}

function stateText(state: SessionDescription | undefined): string {
  if (state === undefined) return 'new';
  const { status, turns, usage } = state;
  const parts = [
    count(turns, 'turn'),
    `${inputTokens(usage)} tokens in`,
    `${usage.output_tokens} out`,
    ...(status === 'idle' ? [] : [status]),
  ];
  return parts.join(', ');
}

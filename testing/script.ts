import type { Agent } from '../agents/define-agent.ts';
import { DeclarationError } from '../agents/declaration-error.ts';
import { functionProblem, given, rejectIf } from '../core/arguments.ts';
import { PlaitError } from '../core/errors.ts';
import { isRecord } from '../core/json.ts';
import { READ_RESULT } from '../core/names.ts';
import type { MessageReply, FaultReply, Reply } from './messages/reply.ts';
import type { ScriptRequest } from './messages/request.ts';

/**
 * Decides every reply of the scripted server. Return `undefined` for a request that the script has no reply
 * to.
 *
 * Decide by the request and never by counting requests: the same request must get the same reply, so that
 * a retry does not move the conversation on.
 */
export type Script = (request: ScriptRequest) => Reply | undefined | Promise<Reply | undefined>;

/** Compared with the user's text: the whole text, a pattern in it, or a condition on the request. */
export type UserMatch = string | RegExp | ((request: ScriptRequest) => boolean);

/** The script has no reply for a request. The message says which request, and what to add. */
export class UnscriptedError extends PlaitError {
  override readonly name = 'UnscriptedError' as const;
  override readonly code = 'UNSCRIPTED' as const;
}

/**
 * The model's replies to one text of a user. The first answers the text, the second the tool results of
 * the first, and so on.
 */
export function conversation(user: UserMatch, replies: readonly Reply[]): Script {
  if (typeof user !== 'string' && typeof user !== 'function' && !isPattern(user)) {
    throw new DeclarationError(
      `conversation: the user must be a text, a pattern or a function; got ${given(user)}`,
    );
  }
  if (typeof user === 'function') {
    rejectIf(DeclarationError, functionProblem('conversation: the user', user));
  }
  const list: unknown = replies;
  if (!Array.isArray(list)) {
    throw new DeclarationError(`conversation: replies must be a list; got ${given(replies)}`);
  }
  replies.forEach((reply, i) => {
    if (typeof reply !== 'function') return;
    rejectIf(DeclarationError, functionProblem(`conversation: reply ${i + 1}`, reply));
  });
  return (request) => {
    if (!matches(user, request)) return undefined;
    const reply = replies[request.round];
    if (reply !== undefined) return reply;
    throw new UnscriptedError(
      `The script has ${counted(replies.length, 'reply', 'replies')} to the user text ${quote(request.userText)}, ` +
        `and this request needs reply ${request.round + 1}${afterResults(request)}. Add it to the replies of that conversation.`,
    );
  };
}

/**
 * A script for the requests of one agent, which it knows by model, system prompt and tools. Use it for
 * sub-agents, so that the test need not say what they are asked. It does not fail if the agent is not asked.
 *
 * @example
 * script(
 *   conversation('Where to?', [callTools({ scout: { prompt: 'Look.' } }), say('There.')]),
 *   forAgent(scout, conversation(/./, [say('It is fine.')])),
 * );
 */
export function forAgent(agent: Pick<Agent, 'name' | 'spec'>, replies: Script): Script {
  rejectIf(
    DeclarationError,
    isRecord(agent?.spec)
      ? undefined
      : `forAgent: the agent must come from defineAgent; got ${given(agent)}`,
    functionProblem('forAgent: the script', replies),
  );
  const own = identityOf(agent.spec);
  return (request) => (identityOf(request.body) === own ? replies(request) : undefined);
}

/** What requests of an agent have in common, with the marks for the prompt cache or without. */
function identityOf({
  model,
  system = '',
  tools = [],
}: Pick<ScriptRequest['body'], 'model' | 'system' | 'tools'>): string {
  const text = typeof system === 'string' ? system : system.map((block) => block.text).join('\n\n');
  const names = tools.map((tool) => ('name' in tool ? tool.name : tool.type));
  // Plait adds it where there is a storage.
  return JSON.stringify([model, text, names.filter((name) => name !== READ_RESULT)]);
}

/** Combines scripts: the first one that has a reply answers. */
export function script(...scripts: readonly Script[]): Script {
  scripts.forEach((one, i) => rejectIf(DeclarationError, functionProblem(`script ${i + 1}`, one)));
  return async (request) => {
    for (const one of scripts) {
      const reply = await one(request);
      if (reply !== undefined) return reply;
    }
    return undefined;
  };
}

/** Asks the script, and calls the functions that it returns, until there is a reply or a fault. */
export async function scriptedReply(
  script: Script,
  request: ScriptRequest,
): Promise<MessageReply | FaultReply> {
  const reply = await script(request);
  if (reply !== undefined) return settleReply(reply, request);
  throw new UnscriptedError(
    `No conversation of the script matches the user text ${quote(request.userText)} (reply ` +
      `${request.round + 1} to it${afterResults(request)}). Add a conversation for this text.`,
  );
}

export async function settleReply(
  reply: Reply,
  request: ScriptRequest,
): Promise<MessageReply | FaultReply> {
  let settled = reply;
  while (typeof settled === 'function') settled = await settled(request);
  return settled;
}

/** Of this realm or another. */
function isPattern(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object RegExp]';
}

function matches(user: UserMatch, request: ScriptRequest): boolean {
  if (typeof user === 'string') return request.userText === user;
  if (typeof user === 'function') return user(request);
  return request.userText.search(user) !== -1;
}

function afterResults({ toolResults }: ScriptRequest): string {
  const count = toolResults.length;
  return count === 0 ? '' : `, after ${counted(count, 'tool result', 'tool results')}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

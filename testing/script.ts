import { PlaitError } from '../core/errors.ts';
import type { MessageReply, FaultReply, Reply } from './messages/reply.ts';
import type { ScriptRequest } from './messages/request.ts';

/**
 * Decides every reply of the scripted server.
 *
 * Contract: the same request gets the same reply, so decide by the request and never by counting
 * calls. A retried request must not move the conversation on. `undefined` means: not mine.
 */
export type Script = (request: ScriptRequest) => Reply | undefined | Promise<Reply | undefined>;

/** The user's text: all of it, a pattern in it, or any condition on the request. */
export type UserMatch = string | RegExp | ((request: ScriptRequest) => boolean);

/** The script has no reply for a request; the message says which and what to add. */
export class UnscriptedError extends PlaitError {
  override readonly name = 'UnscriptedError' as const;
  override readonly code = 'UNSCRIPTED' as const;
}

/**
 * The model's replies to one text of a user: the first is the reply to the text, the second the
 * reply to the first one's tool results, and so on.
 */
export function conversation(user: UserMatch, replies: readonly Reply[]): Script {
  return (request) => {
    if (!matches(user, request)) return undefined;
    const reply = replies[request.round];
    if (reply !== undefined) return reply;
    throw new UnscriptedError(
      `The script has ${replies.length} replies to the user text ${quote(request.userText)}, but reply ` +
        `${request.round + 1} was asked for${afterResults(request)}. Add it to that conversation's replies.`,
    );
  };
}

/** The first of the scripts that has a reply gives it. */
export function script(...scripts: readonly Script[]): Script {
  return async (request) => {
    for (const one of scripts) {
      const reply = await one(request);
      if (reply !== undefined) return reply;
    }
    return undefined;
  };
}

/** Asks the script, and the functions it answers with, until a reply or a fault stands. */
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

function matches(user: UserMatch, request: ScriptRequest): boolean {
  if (typeof user === 'string') return request.userText === user;
  if (typeof user === 'function') return user(request);
  return request.userText.search(user) !== -1;
}

function afterResults({ toolResults }: ScriptRequest): string {
  return toolResults.length === 0 ? '' : `, after ${toolResults.length} tool results`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

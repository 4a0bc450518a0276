import { steeringText } from '../calls/texts.ts';
import type { Message } from '../conversation/messages.ts';
import type { InputBlock } from '../conversation/messages.ts';

/** What a person has sent while a turn was running. */
export interface SteeringMessage {
  /** The turn that it becomes when this one does not take it in. */
  turnId: string;
  input: string | InputBlock[];
  /** Of the turn that it then becomes. */
  stream?: boolean;
}

/** How a model takes a message in the middle of its work. */
export type SteeringStyle =
  /** As a message with the role `system`, behind the results of its calls. */
  | 'system'
  /** As the user's next message, once it has ended its turn. */
  | 'user';

/**
 * The steering messages that may be given to the model now, as messages of the conversation, and those
 * that wait on.
 *
 * After the results of its calls the model takes a message with the role `system`, where it knows
 * that role. Text of the user's in that place teaches it to expect a user after every call, and to
 * stop for one: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 * Once it has ended its turn the user may speak again. In between, while a server tool of the API
 * is open, nothing may.
 */
export function placeSteering(
  steering: readonly SteeringMessage[],
  place: 'after results' | 'after end_turn',
  style: SteeringStyle,
): { messages: Message[]; joined: string[]; waiting: SteeringMessage[] } {
  if (place === 'after end_turn') {
    const messages = steering.map(({ input }): Message => ({ role: 'user', content: input }));
    return { messages, joined: steering.map(({ turnId }) => turnId), waiting: [] };
  }
  // A system message holds text only. What comes behind one that waits has to wait too.
  const count = style === 'user' ? 0 : steering.findIndex(({ input }) => typeof input !== 'string');
  const now = count === -1 ? steering : steering.slice(0, count);
  return {
    messages: now.map(({ input }): Message => ({
      role: 'system',
      content: steeringText(input as string),
    })),
    joined: now.map(({ turnId }) => turnId),
    waiting: steering.slice(now.length),
  };
}

/**
 * Something has to be said behind a message with the role `system`, and the API takes nothing but the
 * model's own words there. Where it had none, the message is the user's.
 */
export function asUserText(messages: readonly Message[]): Message[] {
  const last = messages.findLastIndex(({ role }) => role !== 'system');
  return messages.map((message, i): Message => (i > last ? { ...message, role: 'user' } : message));
}

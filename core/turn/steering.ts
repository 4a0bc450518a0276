import { steeringText } from '../calls/texts.ts';
import type { Message } from '../conversation/messages.ts';
import type { InputBlock } from '../conversation/messages.ts';

/** What a person has sent while a turn was running. */
export interface SteeringMessage {
  /** The turn that it becomes if this one does not take it in. */
  turnId: string;
  input: string | InputBlock[];
  /** For the turn that it then becomes. */
  stream?: boolean;
}

/** How a model gets a message in the middle of its work. */
export type SteeringStyle =
  /** As a message with the role `system`, after the results of its calls. */
  | 'system'
  /** As the user's next message, once it has ended its turn. */
  | 'user';

/**
 * The steering messages that the model may get now, as messages of the conversation, and those that have to
 * wait.
 *
 * After the results of its calls, a model that knows the role accepts a message with the role `system`. A
 * user's text there would teach it to expect a user after every call, and to stop for one:
 * https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 *
 * Once the model has ended its turn, the user may speak again. In between, while a server tool of the API is
 * open, no message may come.
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
  // System messages hold text only. Messages after one that waits have to wait too, to keep their order.
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
 * Turns a system message at the end into a user's. Something must follow it, but the API accepts only the
 * model's own words after a system message, and the model said nothing.
 */
export function asUserText(messages: readonly Message[]): Message[] {
  const last = messages.findLastIndex(({ role }) => role !== 'system');
  return messages.map((message, i): Message => (i > last ? { ...message, role: 'user' } : message));
}

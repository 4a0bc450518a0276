/** What a line in the chat means. */
export type ChatInput =
  | { type: 'nothing' }
  | { type: 'send'; text: string }
  | { type: 'steer'; text: string }
  | { type: 'help' | 'approvals' | 'close' | 'exit' }
  | { type: 'wrong'; message: string };

export const CHAT_HELP = [
  '  /steer <text>   send the running turn a message, which it reads between two steps',
  '  /approvals      decide about the calls that wait',
  '  /close          close the session: it takes no more messages',
  '  /exit           leave; the session stays (also Ctrl-D)',
  '  /help           show this help',
  '',
  '  Ctrl-C interrupts the running turn. Press it twice to leave.',
  '  A line that ends with \\ continues on the next line, and a pasted text keeps its lines.',
  '  To begin a message with a slash, write two slashes.',
];

const NEEDS_NOTHING = new Set(['help', 'approvals', 'close', 'exit'] as const);
type Bare = 'help' | 'approvals' | 'close' | 'exit';

/** Reads a line: a message, or a command. Pure. */
export function readInput(typed: string): ChatInput {
  const text = typed.trim();
  if (text === '') return { type: 'nothing' };
  if (text.startsWith('//')) return { type: 'send', text: text.slice(1) };
  if (!text.startsWith('/')) return { type: 'send', text };
  const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/s.exec(text) ?? [];
  if (name === 'steer') {
    return rest === ''
      ? { type: 'wrong', message: 'Write the message for the running turn: /steer <text>' }
      : { type: 'steer', text: rest };
  }
  if (!NEEDS_NOTHING.has(name as Bare)) {
    const message = `There is no command /${name}; /help lists them. To send it as a message, begin with two slashes.`;
    return { type: 'wrong', message };
  }
  if (rest !== '') return { type: 'wrong', message: `/${name} takes no text.` };
  return { type: name as Bare };
}

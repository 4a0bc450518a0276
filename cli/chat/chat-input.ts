/** What a line in the chat asks for. */
export type ChatInput =
  | { type: 'nothing' }
  | { type: 'send'; text: string }
  | { type: 'steer'; text: string }
  | { type: 'help' | 'approvals' | 'close' | 'exit' }
  | { type: 'wrong'; message: string };

export const CHAT_HELP = [
  '  /steer <text>   tell the running turn something; it reads it between two steps',
  '  /approvals      decide about the calls that wait',
  '  /close          end the session: it takes no more messages',
  '  /exit           leave; the session lives on (also Ctrl-D)',
  '  /help           this',
  '',
  '  Ctrl-C interrupts the running turn, twice leaves.',
  '  A line that ends with \\ goes on in the next, and so does a pasted text.',
  '  To begin a message with a slash, write two.',
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
      ? { type: 'wrong', message: 'Write what to tell the running turn: /steer <text>' }
      : { type: 'steer', text: rest };
  }
  if (!NEEDS_NOTHING.has(name as Bare)) {
    const message = `There is no command /${name}; /help shows them. To say it to the agent, begin with two slashes.`;
    return { type: 'wrong', message };
  }
  if (rest !== '') return { type: 'wrong', message: `/${name} stands alone.` };
  return { type: name as Bare };
}

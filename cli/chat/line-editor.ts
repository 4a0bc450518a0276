import { createInterface, type Interface } from 'node:readline';
import type { Key } from 'node:readline';

/** What a person has typed and not sent yet. */
export interface Typed {
  lines: readonly string[];
  /** The last line up to the cursor. */
  before: string;
}

export interface EditorEvents {
  /** Enter, with the whole text. */
  onText(text: string): void;
  /** Something has changed and must be drawn. */
  onChange(): void;
  /** Ctrl-C. */
  onInterrupt(): void;
  /** Ctrl-D, or the terminal was closed. */
  onEnd(): void;
}

/**
 * Edits what a person types, as Node's readline does, without drawing anything. A pasted text keeps its
 * line breaks, and a line that ends with a backslash continues on the next.
 */
export class LineEditor {
  private readonly readline: Interface;
  private readonly events: EditorEvents;
  private earlier: string[] = [];
  private isPasting = false;
  /** Whether Enter adds the typed text to the history. */
  remembers = true;

  /** `history`: what the person wrote before, the newest first. */
  constructor(input: NodeJS.ReadableStream, history: string[], events: EditorEvents) {
    this.events = events;
    // Without an output it draws nothing.
    this.readline = createInterface({
      input,
      terminal: true,
      history,
      removeHistoryDuplicates: true,
    });
    this.readline.on('line', (line) => this.take(line));
    this.readline.on('SIGINT', () => events.onInterrupt());
    this.readline.on('SIGCONT', () => events.onChange());
    this.readline.on('close', () => events.onEnd());
    this.readline.on('history', (lines: string[]) => {
      if (!this.remembers) lines.shift();
    });
    // Added after readline's own listener, which handles the key first.
    input.on('keypress', (_text: string | undefined, key: Key) => {
      if (key.name === 'paste-start') this.isPasting = true;
      if (key.name === 'paste-end') this.isPasting = false;
      events.onChange();
    });
  }

  get typed(): Typed {
    const { line, cursor } = this.readline;
    return { lines: [...this.earlier, line], before: line.slice(0, cursor) };
  }

  get isEmpty(): boolean {
    return this.earlier.length === 0 && this.readline.line === '';
  }

  /** Replaces the typed text by one line. */
  set(text: string): void {
    this.earlier = [];
    this.readline.write(null, { ctrl: true, name: 'e' });
    this.readline.write(null, { ctrl: true, name: 'u' });
    if (text !== '') this.readline.write(text);
  }

  close(): void {
    this.readline.removeAllListeners('close');
    this.readline.close();
  }

  private take(line: string): void {
    if (this.isPasting) {
      this.earlier.push(line);
      return;
    }
    if (line.endsWith('\\')) {
      this.earlier.push(line.slice(0, -1));
      return;
    }
    const text = [...this.earlier, line].join('\n');
    this.earlier = [];
    this.events.onText(text);
  }
}

import { createInterface, type Interface } from 'node:readline';
import type { Key } from 'node:readline';

/** What a person types, and has not sent yet. */
export interface Typed {
  lines: readonly string[];
  /** What stands before the cursor in the last line. */
  before: string;
}

export interface EditorEvents {
  /** Enter: all of it. */
  onText(text: string): void;
  /** Something has changed, and is to be drawn. */
  onChange(): void;
  /** Ctrl-C. */
  onInterrupt(): void;
  /** Ctrl-D, or the terminal is gone. */
  onEnd(): void;
}

/**
 * Edits what a person types, as Node's readline does, and leaves the drawing to whoever owns the
 * screen. A pasted text keeps its line breaks, and so does a line that ends with a backslash.
 */
export class LineEditor {
  private readonly readline: Interface;
  private readonly events: EditorEvents;
  private earlier: string[] = [];
  private isPasting = false;
  /** Whether what is typed now is worth remembering. */
  remembers = true;

  /** `history`: what was said before, the newest first. */
  constructor(input: NodeJS.ReadableStream, history: string[], events: EditorEvents) {
    this.events = events;
    // Without an output: this one draws nothing.
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
    // After readline's own listener, so that what it reads here is what has come of the key.
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

  /** Replaces what is typed by one line. */
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

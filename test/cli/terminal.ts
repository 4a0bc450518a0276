import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { until } from '../fixtures/until.ts';

/**
 * The part of a terminal that the chat uses: a screen that never scrolls, with a cursor.
 */
export class FakeTerminal {
  readonly rows: string[][] = [[]];
  cursor = { row: 0, column: 0 };
  /** Everything that was written. */
  written = '';

  write(text: string): true {
    this.written += text;
    // oxlint-disable-next-line no-control-regex
    for (const [token] of text.matchAll(/\u001B\[([?\d;]*)([A-Za-z])|[^]/gu)) this.take(token);
    return true;
  }

  /** The visible text, without spaces at the end of lines. */
  get text(): string {
    return this.rows
      .map((row) =>
        Array.from(row, (cell) => cell ?? ' ')
          .join('')
          .trimEnd(),
      )
      .join('\n');
  }

  /** Resolves when the screen shows it; rejects with what the screen shows instead. */
  async shows(text: string | RegExp): Promise<void> {
    const isThere = (): boolean =>
      typeof text === 'string' ? this.text.includes(text) : text.test(this.text);
    await until(
      () => this.text,
      () => isThere(),
    );
  }

  private take(token: string): void {
    const { cursor, rows } = this;
    if (token === '\n') this.cursor = { row: cursor.row + 1, column: 0 };
    else if (token.length === 1 || stripVTControlCharacters(token) !== '') {
      const row = (rows[cursor.row] ??= []);
      row[cursor.column] = token;
      cursor.column += 1;
    } else this.obey(token.slice(2, -1), token.at(-1) ?? '');
    for (let i = 0; i <= this.cursor.row; i += 1) rows[i] ??= [];
  }

  private obey(argument: string, command: string): void {
    const { cursor, rows } = this;
    const number = Number(argument || 1);
    if (command === 'A') cursor.row = Math.max(0, cursor.row - number);
    else if (command === 'G') cursor.column = number - 1;
    else if (command === 'K') rows[cursor.row]?.splice(cursor.column);
    else if (command === 'J') {
      rows[cursor.row]?.splice(cursor.column);
      rows.length = cursor.row + 1;
    } else if (!'hlm'.includes(command)) throw new Error(`unknown sequence ${argument}${command}`);
  }
}

/** A fake terminal, with the streams to write to it and to type. */
export function fakeTty(columns = 80, rows = 24) {
  const terminal = new FakeTerminal();
  const keys = Object.assign(new PassThrough(), {
    isTTY: true,
    isRaw: false,
    setRawMode: () => keys,
  });
  const screen = Object.assign(new PassThrough(), {
    isTTY: true,
    columns,
    rows,
    write: (text: string) => terminal.write(text),
  });
  return {
    terminal,
    type: (text: string) => void keys.write(text),
    input: keys as unknown as NodeJS.ReadStream,
    output: screen as unknown as NodeJS.WriteStream,
  };
}

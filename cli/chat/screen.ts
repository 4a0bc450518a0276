import type { Frame } from './live-region.ts';
import { LiveRegion } from './live-region.ts';

export interface Size {
  columns: number;
  rows: number;
}

const DEFAULT_SIZE: Size = { columns: 80, rows: 24 };
const PASTE_ON = '\u001B[?2004h';
const PASTE_OFF = '\u001B[?2004l';

type Write = NodeJS.WriteStream['write'];

/**
 * A terminal with a frame at its bottom. While it is open, everything that this process writes, such as
 * the log of a tool, is printed above the frame.
 */
export class Screen {
  private readonly out: NodeJS.WriteStream;
  private readonly region: LiveRegion;
  private readonly frame: (size: Size) => Frame;
  private isOpen = false;
  private restore: (() => void)[] = [];

  constructor(out: NodeJS.WriteStream, frame: (size: Size) => Frame) {
    this.out = out;
    this.frame = frame;
    const write: Write = out.write.bind(out);
    this.region = new LiveRegion({
      get columns() {
        return out.columns;
      },
      write: (text) => write(text),
    });
  }

  get size(): Size {
    const { columns, rows } = this.out;
    // The size is 0 when the terminal does not know it.
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  }

  open(): void {
    this.out.write(PASTE_ON);
    this.isOpen = true;
    const redraw = (): void => this.draw();
    const end = (): void => this.close();
    this.out.on('resize', redraw);
    process.once('exit', end);
    this.restore = [
      () => this.out.off('resize', redraw),
      () => process.off('exit', end),
      ...[process.stdout, process.stderr]
        .filter(({ isTTY }) => isTTY)
        .map((one) => this.catch(one)),
    ];
  }

  draw(): void {
    if (this.isOpen) this.region.draw(this.frame(this.size));
  }

  print(lines: readonly string[]): void {
    this.region.print(lines);
    this.draw();
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.region.clear();
    for (const restore of this.restore) restore();
    this.out.write(PASTE_OFF);
  }

  /** Prints lines that others write to the terminal. An unfinished line waits for its end. */
  private catch(stream: NodeJS.WriteStream): () => void {
    let begun = '';
    const print = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      const lines = (begun + text).split('\n');
      begun = lines.pop() ?? '';
      if (lines.length > 0) this.print(lines);
      const done = rest.find((one) => typeof one === 'function') as (() => void) | undefined;
      done?.();
      return true;
    };
    stream.write = print;
    return () => {
      // The `write` of the class is visible again.
      Reflect.deleteProperty(stream, 'write');
      if (begun !== '') stream.write(`${begun}\n`);
    };
  }
}

/** What a notification of PostgreSQL may hold: fewer than 8,000 bytes. */
const FRAME_BYTES = 7_900;
const HEADER_BYTES = 60;
/** A code unit takes at most three bytes; a pair takes four, but is two units. */
const UNIT_BYTES = 3;

/** Splits a message into frames of fewer than 8,000 bytes. Each message needs another `id`. */
export function framesOf(message: string, id: string): string[] {
  const room = FRAME_BYTES - HEADER_BYTES;
  const isAscii = Buffer.byteLength(message) === message.length;
  const parts = partsOf(message, isAscii ? room : Math.floor(room / UNIT_BYTES));
  return parts.map((part, i) => `${id} ${i} ${parts.length} ${part}`);
}

/** Parts of at most so many code units. No character is cut in half. */
function partsOf(message: string, units: number): string[] {
  const parts: string[] = [];
  let from = 0;
  do {
    const to = from + units;
    const cutsPair = /[\uD800-\uDBFF]/.test(message[to - 1] ?? '') && to < message.length;
    parts.push(message.slice(from, cutsPair ? to - 1 : to));
    from = cutsPair ? to - 1 : to;
  } while (from < message.length);
  return parts;
}

/**
 * Joins the frames of one channel. PostgreSQL delivers the frames of a message in sequence; a frame that does
 * not follow the one before it is dropped.
 */
export class FrameJoiner {
  private id = '';
  private parts: string[] = [];

  /** The message that this frame completes, if any. */
  add(frame: string): string | undefined {
    const [, id = '', index, count, part = ''] = /^(\S+) (\d+) (\d+) (.*)$/s.exec(frame) ?? [];
    if (Number(index) === 0) {
      this.id = id;
      this.parts = [];
    }
    if (id === '' || id !== this.id || Number(index) !== this.parts.length) return undefined;
    this.parts.push(part);
    return this.parts.length === Number(count) ? this.parts.join('') : undefined;
  }
}

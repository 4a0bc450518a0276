// The ids of spans depend only on what they are about, so writing a span again, anywhere, writes the same
// one.

/** What identifies a workflow that runs a turn, forever. */
export interface TurnKey {
  namespace: string;
  turnId: string;
}

/** The id of a turn's trace, if nobody has begun one: 32 hexadecimal digits. */
export function traceIdOf(turn: TurnKey): string {
  return hash(['trace', turn.namespace, turn.turnId]).map(hex).join('');
}

/**
 * The id of a span of a turn: 16 hexadecimal digits.
 *
 * @param part the part of the turn that it is about; `''` for the whole turn
 */
export function spanIdOf({ namespace, turnId }: TurnKey, part: string): string {
  return hash(['span', namespace, turnId, part]).slice(0, 2).map(hex).join('');
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}

/** Looked up once: a global is slow in the workflow sandbox. */
const { imul } = Math;

const MULTIPLIERS = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93] as const;

/** 128 bits, in the manner of MurmurHash3. Not for secrets; the workflow sandbox has no SHA. */
function hash(parts: readonly string[]): [number, number, number, number] {
  // Each part is preceded by its length, so that no two lists make the same text.
  const text = parts.map((part) => `${part.length}:${part}`).join('');
  const [m1, m2, m3, m4] = MULTIPLIERS;
  let [a, b, c, d] = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a];
  for (let i = 0; i < text.length; i += 1) {
    // oxlint-disable-next-line unicorn/prefer-code-point -- every half of a pair counts
    const code = text.charCodeAt(i);
    a = b ^ imul(a ^ code, m1);
    b = c ^ imul(b ^ code, m2);
    c = d ^ imul(c ^ code, m3);
    d = a ^ imul(d ^ code, m4);
  }
  const words: [number, number, number, number] = [mix(a ^ d), mix(b ^ a), mix(c ^ b), mix(d ^ c)];
  const all = words[0] ^ words[1] ^ words[2] ^ words[3];
  return words.map((word) => mix(word + all) >>> 0) as typeof words;
}

/** Every bit of the word changes about half of the bits in the result. */
function mix(word: number): number {
  let mixed = imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

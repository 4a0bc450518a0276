// The ids of spans follow from what they are about, so all who write one, and however often, write the same.

/** A workflow that runs a turn, by what names it for ever. */
export interface TurnKey {
  namespace: string;
  turnId: string;
}

/** The id of a turn's trace, where nobody has begun one: 32 hexadecimal digits. */
export function traceIdOf(turn: TurnKey): string {
  return hash(['trace', turn.namespace, turn.turnId]).map(hex).join('');
}

/**
 * The id of a span of a turn: 16 hexadecimal digits.
 *
 * @param part what of the turn it is about; `''` for the whole turn
 */
export function spanIdOf({ namespace, turnId }: TurnKey, part: string): string {
  return hash(['span', namespace, turnId, part]).slice(0, 2).map(hex).join('');
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}

const MULTIPLIERS = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93] as const;

/** 128 bits, in the manner of MurmurHash3. Not for secrets; the workflow sandbox has no SHA. */
function hash(parts: readonly string[]): [number, number, number, number] {
  // Its length stands before each part, so that no two lists make one text.
  const text = parts.map((part) => `${part.length}:${part}`).join('');
  const [m1, m2, m3, m4] = MULTIPLIERS;
  let [a, b, c, d] = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a];
  for (let i = 0; i < text.length; i += 1) {
    // oxlint-disable-next-line unicorn/prefer-code-point -- every half of a pair counts
    const code = text.charCodeAt(i);
    a = b ^ Math.imul(a ^ code, m1);
    b = c ^ Math.imul(b ^ code, m2);
    c = d ^ Math.imul(c ^ code, m3);
    d = a ^ Math.imul(d ^ code, m4);
  }
  const words: [number, number, number, number] = [mix(a ^ d), mix(b ^ a), mix(c ^ b), mix(d ^ c)];
  const all = words[0] ^ words[1] ^ words[2] ^ words[3];
  return words.map((word) => mix(word + all) >>> 0) as typeof words;
}

/** Every bit of the word changes about half of the bits of the result. */
function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/json.ts';

/** Equal for values with the same content. Throws for a value that is not JSON, and says why. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

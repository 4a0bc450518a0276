import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/json.ts';

/** Equal for values with the same content. Throws an error that says why if the value is not JSON. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

import { isRecord } from '../../core/json.ts';
import { invalid, type Refusal } from './refusal.ts';

/** Half an emoji is legal in a JavaScript string and no legal JSON for the API. */
export function surrogateRefusal(body: unknown): Refusal | undefined {
  if (!holdsLoneSurrogate(body)) return undefined;
  const at = JSON.stringify(body).search(/(?<!\\)(?:\\\\)*\\ud[89a-f]/);
  return invalid(
    `The request body is not valid JSON: no low surrogate in string: line 1 column ${at + 1} (char ${at})`,
  );
}

function holdsLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value);
  if (Array.isArray(value)) return value.some(holdsLoneSurrogate);
  if (!isRecord(value)) return false;
  return Object.entries(value).some(
    ([key, entry]) => holdsLoneSurrogate(key) || holdsLoneSurrogate(entry),
  );
}

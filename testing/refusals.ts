import { isRecord } from '../core/json.ts';
import { cacheControlRefusal } from './refusals/cache-control.ts';
import { callersRefusal } from './refusals/callers.ts';
import { compactionRefusal } from './refusals/compaction.ts';
import { checkedMessages } from './refusals/content.ts';
import { manyImagesRefusal } from './refusals/files.ts';
import { endingRefusal, systemRefusal } from './refusals/order.ts';
import { outputConfigRefusal } from './refusals/output-config.ts';
import { pairingRefusal } from './refusals/pairing.ts';
import { firstRefusal, invalid, type Refusal, type RefusalOptions } from './refusals/refusal.ts';
import { surrogateRefusal } from './refusals/surrogates.ts';
import { thinkingRefusal } from './refusals/thinking.ts';
import { toolsRefusal } from './refusals/tools.ts';
import { modelRefusal, topLevelRefusal } from './refusals/top-level.ts';

/**
 * Why the Messages API, version 2026-10-21, would refuse this request body; nothing when it would take
 * it. The texts are the API's own, as documented or captured, or follow those of its validation (`Field
 * required`); where a rule is known and its text is not, it is told `inOurWords`. Where the API's conduct
 * is not known, the request is taken.
 */
export function refusal(body: unknown, options: RefusalOptions = {}): Refusal | undefined {
  if (!isRecord(body)) return invalid('Input should be a valid dictionary');
  const before = firstRefusal([
    () => surrogateRefusal(body),
    () => topLevelRefusal(body, options),
    () => toolsRefusal(body, options),
    () => callersRefusal(body),
    () => outputConfigRefusal(body, options),
  ]);
  if (before !== undefined) return before;
  const { messages, model } = body;
  const checked = checkedMessages(Array.isArray(messages) ? messages : [], options);
  if ('status' in checked) return checked;
  return firstRefusal([
    () => modelRefusal(body),
    () => manyImagesRefusal(checked),
    () => cacheControlRefusal(body),
    () => systemRefusal(checked, String(model)),
    () => compactionRefusal(body, checked, options),
    () => pairingRefusal(checked, body, options),
    () => endingRefusal(checked, String(model)),
    () => thinkingRefusal(body, checked),
  ]);
}

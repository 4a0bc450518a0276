import { isRecord } from '../core/json.ts';
import { cacheControlRejection } from './rejections/cache-control.ts';
import { compactionRejection } from './rejections/compaction.ts';
import { checkMessages } from './rejections/content.ts';
import { manyImagesRejection } from './rejections/files.ts';
import { openCallsRejection } from './rejections/open-calls.ts';
import { endingRejection, systemRejection } from './rejections/order.ts';
import { outputConfigRejection } from './rejections/output-config.ts';
import { pairingRejection } from './rejections/pairing.ts';
import { firstRejection, invalid } from './rejections/rejection.ts';
import type { Rejection, RejectionOptions } from './rejections/rejection.ts';
import { thinkingRejection } from './rejections/thinking.ts';
import { callersRejection, toolsRejection } from './rejections/tools.ts';
import { modelRejection, surrogateRejection, topLevelRejection } from './rejections/top-level.ts';
import { mergedTurns } from './rejections/turns.ts';

/**
 * Why the Messages API, version 2026-10-21, would reject this request body; `undefined` when it would
 * accept it. The texts are the API's own, as documented or captured, or follow those of its validation
 * (`Field required`). Where a rule is known and its text is not, the text is `inOurWords`. Where it is not
 * known what the API does, the request is accepted.
 */
export function rejection(body: unknown, options: RejectionOptions = {}): Rejection | undefined {
  if (!isRecord(body)) return invalid('Input should be a valid dictionary');
  const before = firstRejection([
    () => surrogateRejection(body),
    () => topLevelRejection(body, options),
    () => toolsRejection(body, options),
    () => callersRejection(body),
    () => outputConfigRejection(body, options),
  ]);
  if (before !== undefined) return before;
  const { messages, model } = body;
  const checked = checkMessages(Array.isArray(messages) ? messages : [], options);
  if (checked.type === 'rejected') return checked.rejection;
  const turns = mergedTurns(checked.messages);
  return firstRejection([
    () => modelRejection(body),
    () => manyImagesRejection(checked.messages),
    () => cacheControlRejection(body),
    () => systemRejection(checked.messages, String(model)),
    () => compactionRejection(body, checked.messages, options),
    () => pairingRejection(turns),
    () => openCallsRejection(turns, body, options),
    () => endingRejection(checked.messages, String(model)),
    () => thinkingRejection(body, checked.messages),
  ]);
}

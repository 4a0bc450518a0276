import { ApplicationFailure } from '@temporalio/common';
import type { ReadResultInput } from '../../agents/read-result.ts';
import { pageOf, readResultTool } from '../../agents/read-result.ts';
import { INVALID_TOOL_INPUT } from '../../core/failures.ts';
import { shorten } from '../../core/json.ts';
import { READ_RESULT } from '../../core/names.ts';
import type { StoredResult } from '../../core/calls/stored-result.ts';
import { invalidInput } from './prepare-calls.ts';
import type { TranscriptStore } from '../transcript/store.ts';

export function createReadResult(store: Pick<TranscriptStore, 'readKept'>) {
  /** A page of a result that was cut. `stored` is what the turn knows under the id, if anything. */
  return async function readResult(
    input: unknown,
    stored: StoredResult | undefined,
  ): Promise<string> {
    const parsed = await readResultTool.parse(input);
    if (!parsed.ok) throw refused(invalidInput(READ_RESULT, parsed.problem));
    const { id, offset, limit } = parsed.value as ReadResultInput;
    if (stored === undefined) throw refused(unknownId(id));
    return pageOf(await store.readKept(stored), offset, limit);
  };
}

/** Another attempt would be refused as well: what is wrong is what the model wrote. */
function refused(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, INVALID_TOOL_INPUT);
}

function unknownId(id: string): string {
  return `No kept result has the id ${JSON.stringify(shorten(id, 200))}. Only results that were cut are kept, each under the id of its call: use the id that stands in the notice where something is left out.`;
}

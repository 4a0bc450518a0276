import { ApplicationFailure } from '@temporalio/common';
import type { ReadResultInput } from '../../agents/read-result.ts';
import { pageOf, readResultTool } from '../../agents/read-result.ts';
import { INVALID_TOOL_INPUT } from '../../core/failures.ts';
import { READ_RESULT } from '../../core/names.ts';
import type { StoredResult } from '../../core/calls/stored-result.ts';
import { invalidInputText, notKeptText } from '../../core/calls/texts.ts';
import type { TranscriptStore } from '../transcript/store.ts';

export function createReadResult(store: Pick<TranscriptStore, 'readKept'>) {
  /** A page of a result that was cut. `stored` is what the turn knows under the id, if anything. */
  return async function readResult(
    input: unknown,
    stored: StoredResult | undefined,
  ): Promise<string> {
    const parsed = await readResultTool.parse(input);
    if (!parsed.ok) throw invalid(invalidInputText(READ_RESULT, parsed.problem));
    const { id, offset, limit } = parsed.value as ReadResultInput;
    if (stored === undefined) throw invalid(notKeptText(id));
    return pageOf(await store.readKept(stored), offset, limit);
  };
}

/** Another attempt would fail as well: what is wrong is what the model wrote. */
function invalid(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, INVALID_TOOL_INPUT);
}

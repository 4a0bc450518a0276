import {
  ApplicationFailure,
  CancellationScope,
  defineUpdate,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import { COMPLETION_REJECTED } from '../../core/failures.ts';
import { isRecord } from '../../core/json.ts';
import type { Completion, CompletionResult } from '../../core/turn/protocol.ts';
import { COMPLETE_CALL_UPDATE } from '../../core/turn/protocol.ts';
import type { SeenUpdates } from '../updates.ts';
import { othersFirst } from '../updates.ts';

const completeUpdate = defineUpdate<void, [Completion]>(COMPLETE_CALL_UPDATE);

const COMPLETED = 'it has been completed';

interface Expected {
  /** Whether its tool has returned, and so handed the call over. */
  parked?: { key: string; timer: CancellationScope; completed: (completion: Completion) => void };
  /**
   * What came before the tool returned, by key: a fast outside may be done before the worker says so,
   * and whether a key is that of the call is known only then.
   */
  early: Map<string, Completion>;
}

/** The calls of a turn that somebody outside may complete, by Update. */
export class Completions {
  private readonly expected = new Map<string, Expected>();
  /** What became of a call, for whoever comes too late. */
  private readonly closed = new Map<string, string>();

  private readonly taken: SeenUpdates;

  constructor(taken: SeenUpdates) {
    this.taken = taken;
    setHandler(completeUpdate, (completion) => this.complete(completion), {
      validator: (completion: Completion) => {
        if (!taken.has(COMPLETE_CALL_UPDATE, completion)) this.find(completion);
      },
    });
  }

  /** The call runs: from now on its token may come back. */
  expect(callId: string): void {
    this.expected.set(callId, { early: new Map() });
  }

  /** The tool has handed the call over. `expired` is called when nobody completed it in time. */
  park(
    callId: string,
    { key, timeout }: { key: string; timeout: number },
    { completed, expired }: { completed: (completion: Completion) => void; expired: () => void },
  ): void {
    const expected = this.expected.get(callId);
    const early = expected?.early.get(key);
    if (early !== undefined) {
      this.forget(callId, COMPLETED);
      completed(early);
      return;
    }
    const timer = new CancellationScope();
    this.expected.set(callId, { early: new Map(), parked: { key, timer, completed } });
    timer.run(() => sleep(timeout)).then(expired, () => undefined);
  }

  /** The call was answered: what comes for it now is refused. */
  forget(callId: string, because: string): void {
    if (!this.expected.has(callId)) return;
    this.expected.get(callId)?.parked?.timer.cancel();
    this.expected.delete(callId);
    this.closed.set(callId, because);
  }

  private find(completion: Completion): Expected {
    const { callId, key, result } = isRecord(completion) ? completion : ({} as Partial<Completion>);
    if (typeof callId !== 'string' || typeof key !== 'string') {
      throw refused('The token is not one of a call that waits to be completed.');
    }
    if (!isResult(result)) {
      throw refused(`The result of ${callId} must be a value, or say why it failed.`);
    }
    const expected = this.expected.get(callId);
    if (expected === undefined) {
      const because = this.closed.get(callId);
      throw refused(
        because === undefined
          ? `This turn has no call ${callId} that waits to be completed.`
          : `${callId} no longer waits: ${because}.`,
      );
    }
    if (expected.early.has(key)) throw refused(`${callId} no longer waits: ${COMPLETED}.`);
    if (expected.parked !== undefined && expected.parked.key !== key) {
      throw refused(`The token of ${callId} belongs to another call.`);
    }
    return expected;
  }

  private async complete(completion: Completion): Promise<void> {
    await othersFirst();
    if (this.taken.has(COMPLETE_CALL_UPDATE, completion)) return;
    const { parked, early } = this.find(completion);
    this.taken.add(COMPLETE_CALL_UPDATE, completion);
    if (parked === undefined) {
      early.set(completion.key, completion);
      return;
    }
    this.forget(completion.callId, COMPLETED);
    parked.completed(completion);
  }
}

/** Whoever sends an Update without our client may send anything. */
function isResult(result: unknown): result is CompletionResult {
  if (!isRecord(result)) return false;
  const { type, message } = result;
  return type === 'failed'
    ? typeof message === 'string' && message.trim() !== ''
    : type === 'succeeded';
}

function refused(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, COMPLETION_REJECTED);
}

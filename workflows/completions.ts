import {
  ApplicationFailure,
  CancellationScope,
  defineUpdate,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import { COMPLETION_REFUSED } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import type { Completion } from '../core/turn-messages.ts';
import { COMPLETE_CALL_UPDATE } from '../core/turn-messages.ts';

const completeUpdate = defineUpdate<void, [Completion]>(COMPLETE_CALL_UPDATE);

interface Expected {
  /** Whether its tool has returned, and so handed the call over. */
  parked?: { key: string; timer: CancellationScope; completed: (completion: Completion) => void };
  /** What came before the tool returned: a fast outside may be done before the worker says so. */
  early?: Completion;
}

/** The calls of a turn that somebody outside may complete, by Update. */
export class Completions {
  private readonly expected = new Map<string, Expected>();
  private readonly closed = new Set<string>();

  constructor() {
    setHandler(completeUpdate, (completion) => this.complete(completion), {
      validator: (completion: Completion) => void this.find(completion),
    });
  }

  /** The call runs: from now on its token may come back. */
  expect(callId: string): void {
    this.expected.set(callId, {});
  }

  /** The tool has handed the call over. `expired` is called when nobody completed it in time. */
  park(
    callId: string,
    { key, timeout }: { key: string; timeout: number },
    { completed, expired }: { completed: (completion: Completion) => void; expired: () => void },
  ): void {
    const { early } = this.expected.get(callId) ?? {};
    if (early?.key === key) {
      this.forget(callId);
      completed(early);
      return;
    }
    const timer = new CancellationScope();
    this.expected.set(callId, { parked: { key, timer, completed } });
    timer.run(() => sleep(timeout)).then(expired, () => undefined);
  }

  /** The call was answered: what comes for it now is refused. */
  forget(callId: string): void {
    if (!this.expected.has(callId)) return;
    this.expected.get(callId)?.parked?.timer.cancel();
    this.expected.delete(callId);
    this.closed.add(callId);
  }

  private find(completion: Completion): Expected {
    const { callId, key } = isRecord(completion) ? completion : ({} as Partial<Completion>);
    if (typeof callId !== 'string' || typeof key !== 'string') {
      throw refused('The token is not one of a call that waits to be completed.');
    }
    const expected = this.expected.get(callId);
    if (expected === undefined) {
      throw refused(
        this.closed.has(callId)
          ? `${callId} has already been answered.`
          : `This turn has no call ${callId} that waits to be completed.`,
      );
    }
    if (expected.early !== undefined) throw refused(`${callId} has already been completed.`);
    if (expected.parked !== undefined && expected.parked.key !== key) {
      throw refused(`The token of ${callId} belongs to another call.`);
    }
    return expected;
  }

  private complete(completion: Completion): void {
    const { parked } = this.find(completion);
    if (parked === undefined) {
      this.expected.set(completion.callId, { early: completion });
      return;
    }
    this.forget(completion.callId);
    parked.completed(completion);
  }
}

function refused(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, COMPLETION_REFUSED);
}

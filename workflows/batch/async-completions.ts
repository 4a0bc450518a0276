import {
  ApplicationFailure,
  CancellationScope,
  defineUpdate,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import { MAX_DURATION } from '../../core/duration.ts';
import { COMPLETION_REJECTED } from '../../core/failures.ts';
import { findCompletionProblem } from '../../core/turn/doors.ts';
import type { Completion } from '../../core/turn/protocol.ts';
import { COMPLETE_CALL_UPDATE } from '../../core/turn/protocol.ts';
import type { SeenUpdates } from '../updates.ts';
import { othersFirst } from '../updates.ts';

const completeUpdate = defineUpdate<void, [Completion]>(COMPLETE_CALL_UPDATE);

const COMPLETED = 'it has been completed';

/** A call whose token has been given out, or may be at any moment. */
type Expected =
  | {
      state: 'running';
      /**
       * Completions from before the tool returned, by key. A fast service may be done before the worker
       * reports, and only that report says which key is the call's.
       */
      early: Map<string, Completion>;
    }
  | {
      state: 'awaitingCompletion';
      key: string;
      timer: CancellationScope;
      completed: (completion: Completion) => void;
    };

/** The calls of a turn that somebody may complete from outside, by Update. */
export class AsyncCompletions {
  private readonly expected = new Map<string, Expected>();
  /** Why a call no longer waits, for completions that come too late. */
  private readonly closed = new Map<string, string>();
  private readonly seen: SeenUpdates;

  constructor(seen: SeenUpdates) {
    this.seen = seen;
    setHandler(completeUpdate, (completion) => this.complete(completion), {
      validator: (completion: Completion) => {
        const problem = findCompletionProblem(completion);
        if (problem !== undefined) throw rejected(`${problem}.`);
        if (!seen.has(COMPLETE_CALL_UPDATE, completion) && !this.mayCome(completion)) {
          this.find(completion);
        }
      },
    });
  }

  /** The call runs: from now on its token may come back. */
  expect(callId: string): void {
    this.expected.set(callId, { state: 'running', early: new Map() });
  }

  /**
   * The tool of the call has returned `ctx.later()`. Calls `completed` at once if the completion came
   * earlier, and `expired` if nobody completes the call in time.
   */
  await(
    callId: string,
    { key, timeout, summary }: { key: string; timeout: number; summary: string },
    { completed, expired }: { completed: (completion: Completion) => void; expired: () => void },
  ): void {
    const expected = this.expected.get(callId);
    const early = expected?.state === 'running' ? expected.early.get(key) : undefined;
    if (early !== undefined) {
      this.forget(callId, COMPLETED);
      completed(early);
      return;
    }
    const timer = new CancellationScope();
    this.expected.set(callId, { state: 'awaitingCompletion', key, timer, completed });
    timer
      .run(() => sleep(Math.min(timeout, MAX_DURATION), { summary }))
      .then(expired, () => undefined);
  }

  /** The call was answered: from now on, completions of it are rejected. */
  forget(callId: string, because: string): void {
    const expected = this.expected.get(callId);
    if (expected === undefined) return;
    if (expected.state === 'awaitingCompletion') expected.timer.cancel();
    this.expected.delete(callId);
    this.closed.set(callId, because);
  }

  /** Whether the reply with the call may come in the same task as the completion. */
  private mayCome({ callId }: Completion): boolean {
    return !this.expected.has(callId) && !this.closed.has(callId);
  }

  /** Throws if a completion must be rejected. Also used as the validator, so that a rejection leaves no trace. */
  private find(completion: Completion): Expected {
    const { callId, key } = completion;
    const expected = this.expected.get(callId);
    if (expected === undefined) {
      const because = this.closed.get(callId);
      throw rejected(
        because === undefined
          ? `This turn has no call ${callId} that waits to be completed.`
          : `${callId} no longer waits: ${because}.`,
      );
    }
    if (expected.state === 'running') {
      if (expected.early.has(key)) throw rejected(`${callId} no longer waits: ${COMPLETED}.`);
    } else if (expected.key !== key) {
      throw rejected(`The token of ${callId} belongs to another call.`);
    }
    return expected;
  }

  private async complete(completion: Completion): Promise<void> {
    await othersFirst();
    if (this.seen.has(COMPLETE_CALL_UPDATE, completion)) return;
    const expected = this.find(completion);
    this.seen.add(COMPLETE_CALL_UPDATE, completion);
    if (expected.state === 'running') {
      expected.early.set(completion.key, completion);
      return;
    }
    this.forget(completion.callId, COMPLETED);
    expected.completed(completion);
  }
}

function rejected(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, COMPLETION_REJECTED);
}

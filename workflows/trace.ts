import { patched, workflowInfo } from '@temporalio/workflow';
import type { PinnedAgent } from '../core/agent-spec.ts';
import type { CallRecord } from '../core/calls/record.ts';
import { TraceCarrier } from '../core/trace/carrier.ts';
import type { Chat } from '../core/trace/chat.ts';
import type { TraceContext } from '../core/trace/context.ts';
import { contextOf, spanInTurn } from '../core/trace/context.ts';
import type { TurnKey } from '../core/trace/ids.ts';
import type { TracedCall } from '../core/trace/spans.ts';
import { tracedCall } from '../core/trace/spans.ts';

/** The patch from which on turns with a trace header write a trace. */
const TRACES = 'plait.traces';

/** What a run of a turn knows of its trace and has not written yet. */
export class TurnTrace {
  private readonly carrier: TraceCarrier;
  private chats: Chat[] = [];
  /** How many of the turn's calls have been written. */
  private calls: number;
  /** Whether to write spans. Decided by history, so that every replay decides the same. */
  isOn: boolean;

  /**
   * @param carrier from the interceptors, if the bundle has them; anything, from another caller
   * @param calls how many an earlier run has written
   * @param isOn whether an earlier run had a trace
   */
  constructor(carrier: unknown, { calls, isOn }: { calls: number; isOn: boolean }) {
    this.carrier = carrier instanceof TraceCarrier ? carrier : new TraceCarrier();
    this.calls = calls;
    // Turns of earlier versions may have the header too, but have no trace.
    this.isOn = isOn || (this.from !== undefined && patched(TRACES));
  }

  /** The span that started the turn, if there is one. */
  get from(): TraceContext | undefined {
    return this.carrier.from;
  }

  /** The requests of a model call, if its worker writes traces. */
  add(chats: readonly Chat[] | undefined): void {
    if (chats === undefined) return;
    this.isOn = true;
    this.chats.push(...chats);
  }

  /**
   * The span that the turn of a call belongs to.
   *
   * @param turnId of a turn that is about to start as a child workflow, which gets the span in a header
   */
  ofCall(callId: string, turnId?: string): TraceContext | undefined {
    if (!this.isOn) return undefined;
    const context = contextOf(spanInTurn(turnKey(), this.from, callId));
    if (turnId !== undefined) this.carrier.children.set(turnId, context);
    return context;
  }

  /** What to write; `undefined` without a trace. Each call is returned once. */
  take(records: readonly CallRecord[], agent: PinnedAgent | undefined): Pending | undefined {
    if (!this.isOn) return undefined;
    const servers = new Map(agent?.policies.map(([tool, { server }]) => [tool, server]));
    const calls = records
      .slice(this.calls)
      .map((record) => tracedCall(record, servers.get(record.name)));
    const { chats } = this;
    this.calls = records.length;
    this.chats = [];
    return { chats, calls };
  }
}

/** What has ended and has not been written yet. */
export interface Pending {
  chats: Chat[];
  calls: TracedCall[];
}

function turnKey(): TurnKey {
  const { namespace, workflowId: turnId } = workflowInfo();
  return { namespace, turnId };
}

import type { Context } from '@temporalio/activity';
import type { Chat } from '../../core/trace/chat.ts';
import { chatOf } from '../../core/trace/chat.ts';
import type { TraceContext } from '../../core/trace/context.ts';
import { spanInTurn } from '../../core/trace/context.ts';
import type { Traces } from '../../core/trace/traces.ts';
import { turnKey } from '../turn/turn-key.ts';
import type { ModelResponse } from './second-chances.ts';

/** The requests of one attempt to ask the model, for the trace of its turn. */
export class ChatLog {
  private readonly all: Chat[] = [];
  private readonly traces: Traces | undefined;
  private readonly activity: Context;
  private readonly from: TraceContext | undefined;

  /** @param from what the turn was started by, where that has a span */
  constructor(traces: Traces | undefined, activity: Context, from: TraceContext | undefined) {
    this.traces = traces;
    this.activity = activity;
    this.from = from;
  }

  /** `undefined` where there is no trace. */
  get chats(): Chat[] | undefined {
    return this.traces === undefined ? undefined : this.all;
  }

  /** Sends a request. A request that this side ends gets no span. */
  async add(model: string, send: () => Promise<ModelResponse>): Promise<ModelResponse> {
    if (this.traces === undefined) return await send();
    const { info } = this.activity;
    // The same in each attempt: only the attempt that brings a reply reports its spans.
    const part = [info.activityId, model, this.all.length].join(' ');
    const span = spanInTurn(turnKey(info), this.from, part);
    const start = Date.now();
    const [response, recorded] = await this.traces.record(span, send);
    const about = { id: span.spanId, start, end: Date.now(), model, attempt: info.attempt };
    const answer =
      response.type === 'failure'
        ? { type: response.type, status: response.report.status ?? undefined }
        : response;
    this.all.push(chatOf(about, recorded, answer));
    return response;
  }
}

import type { Context } from '@temporalio/activity';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { within } from '../../agents/in-time.ts';
import type { ToolReturn } from '../../core/calls/tool-call.ts';
import { segmentsSinceCompaction, sinceCompaction } from '../../core/conversation/compaction.ts';
import type { Message } from '../../core/conversation/messages.ts';
import type { ModelCallArgs, RecordedModelCall } from '../../core/conversation/model-call.ts';
import { modelAnswer } from '../../core/conversation/model-call.ts';
import { causeChain } from '../../core/failures.ts';
import { defined } from '../../core/json.ts';
import { CALL_MODEL } from '../../core/names.ts';
import type { Attributes } from '../../core/trace/chat.ts';
import { callAttributes, chatAttributes, chatContent } from '../../core/trace/content.ts';
import { spanInTurn } from '../../core/trace/context.ts';
import { CallsSaid } from '../../core/trace/said.ts';
import type { TracedPart } from '../../core/trace/spans.ts';
import { pagesOf } from '../../storage/pages.ts';
import type { Secrets } from '../model/secrets.ts';
import { redactAll } from '../tools/redact.ts';
import type { TranscriptStore } from '../transcript/store.ts';
import { turnKey } from './turn-key.ts';

/** How long a turn waits for it, in milliseconds. The activity has 10 s; the exporter gets half of them. */
const FIND_MS = 4_000;

interface Sources {
  store: TranscriptStore;
  secrets: Pick<Secrets, 'redact'>;
  /** Most content of one span, in bytes. */
  limit: number;
}

/** The attributes that hold what was said, by the ids of their spans. */
export type Content = ReadonlyMap<string, Attributes>;

/**
 * Finds what was said in the run of this activity's turn. The history already holds it once; a copy for the
 * trace would make history grow with the square of the rounds. Does not reject: what cannot be found in time
 * is left out, and the log says so.
 */
export async function findContent(
  activity: Context,
  part: TracedPart,
  sources: Sources,
): Promise<Content> {
  const found = new Map<string, Attributes>();
  const over = new AbortController();
  try {
    await within(new Finder(activity, part, sources, found).run(over.signal), FIND_MS);
  } catch (error) {
    const problem = sources.secrets.redact(causeChain(error));
    const { turnId } = turnKey(activity.info);
    const about = { sdkComponent: 'plait', turnId, problem };
    activity.log.warn('Spans are written without content, which was not found', about);
  } finally {
    over.abort();
  }
  return found;
}

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type Payloads = temporal.api.common.v1.IPayloads | null | undefined;

/** An activity whose end has not been read yet. */
type Scheduled = { type: 'model'; args: Payloads } | { type: 'call'; callId: string };

class Finder {
  private readonly activity: Context;
  private readonly part: TracedPart;
  private readonly sources: Sources;
  private readonly found: Map<string, Attributes>;
  private readonly chats: ReadonlySet<string>;
  private readonly calls: CallsSaid;
  private readonly scheduled = new Map<string, Scheduled>();

  constructor(
    activity: Context,
    part: TracedPart,
    sources: Sources,
    found: Map<string, Attributes>,
  ) {
    this.activity = activity;
    this.part = part;
    this.sources = sources;
    this.found = found;
    this.chats = new Set(part.chats.map(({ id }) => id));
    this.calls = new CallsSaid(part.calls.map(({ id }) => id));
  }

  async run(over: AbortSignal): Promise<void> {
    try {
      for await (const event of this.history()) {
        over.throwIfAborted();
        await this.read(event);
      }
    } finally {
      // Even if reading the history failed.
      await this.addCalls();
    }
  }

  private async *history(): AsyncGenerator<HistoryEvent> {
    const { client, info } = this.activity;
    const { namespace } = client.options;
    const until = Date.now() + FIND_MS;
    const pages = pagesOf(
      (nextPageToken, maximumPageSize) =>
        client.withDeadline(until, () =>
          client.workflowService.getWorkflowExecutionHistory({
            namespace,
            ...defined({ execution: info.workflowExecution }),
            maximumPageSize,
            nextPageToken,
          }),
        ),
      { smaller: 1 },
    );
    for await (const { history } of pages) yield* history?.events ?? [];
  }

  private async read(event: HistoryEvent): Promise<void> {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled != null) {
      const { activityId: callId = '', activityType, input: args } = scheduled;
      const id = String(event.eventId);
      if (activityType?.name === CALL_MODEL) this.scheduled.set(id, { type: 'model', args });
      else if (callId !== null && this.calls.has(callId)) {
        this.scheduled.set(id, { type: 'call', callId });
        this.calls.addStarted(callId, await this.decode(args));
      }
    }
    const completed = event.activityTaskCompletedEventAttributes;
    if (completed == null) return;
    const id = String(completed.scheduledEventId);
    const began = this.scheduled.get(id);
    this.scheduled.delete(id);
    if (began?.type === 'model') {
      const args = await this.decode<ModelCallArgs>(began.args);
      await this.addModelCall(args, await this.decode<RecordedModelCall>(completed.result));
    } else if (began?.type === 'call') {
      const returned = await this.decode<ToolReturn>(completed.result);
      if (returned.type === 'result') this.calls.addReturned(began.callId, returned.content);
    }
  }

  private async addModelCall(args: ModelCallArgs, recorded: RecordedModelCall): Promise<void> {
    this.calls.addMessages(args.tail);
    const answer = modelAnswer(recorded);
    if (answer.type === 'pinned') return;
    const output = answer.type === 'reply' ? answer.reply.content : undefined;
    if (output !== undefined) this.calls.addReply(output);
    const { chats = [] } = answer;
    if (!chats.some(({ id }) => this.chats.has(id))) return;
    const { store, limit } = this.sources;
    const spec = args.spec ?? answer.pinned?.spec;
    const [system, input] = await Promise.all([
      spec && store.specOf(spec).then((pinned) => pinned.system),
      this.messages(args),
    ]);
    for (const [i, { id }] of chats.entries()) {
      // The requests before it brought no usable reply.
      const reply = i === chats.length - 1 && output !== undefined ? { output } : {};
      const said = chatContent({ system, input, ...reply }, limit);
      this.found.set(id, chatAttributes(await this.redacted(said), limit));
    }
  }

  /** The part of the conversation that the request sent, without the data of images and documents. */
  private async messages({ segments, tail }: ModelCallArgs): Promise<Message[]> {
    const earlier = await this.sources.store.load(segmentsSinceCompaction(segments, tail));
    return sinceCompaction([...earlier, ...tail]);
  }

  private async addCalls(): Promise<void> {
    const turn = turnKey(this.activity.info);
    for (const [id, content] of this.calls.contents()) {
      const { spanId } = spanInTurn(turn, this.part.from, id);
      this.found.set(spanId, callAttributes(await this.redacted(content), this.sources.limit));
    }
  }

  private redacted<T>(said: T): Promise<T> {
    return redactAll(said, this.sources.secrets.redact);
  }

  private async decode<T>(payloads: Payloads): Promise<T> {
    const { loadedDataConverter } = this.activity.client.options;
    const [value] = await decodeArrayFromPayloads(loadedDataConverter, payloads?.payloads);
    return value as T;
  }
}

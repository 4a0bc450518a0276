import { Context } from '@temporalio/activity';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { TracedPart } from '../../core/trace/spans.ts';
import { spansOf } from '../../core/trace/spans.ts';
import type { Traces } from '../../core/trace/traces.ts';
import type { Secrets } from '../model/secrets.ts';
import type { TranscriptStore } from '../transcript/store.ts';
import { findContent } from './find-content.ts';
import { turnKey } from './turn-key.ts';

interface Sources {
  registry: AgentRegistry;
  /** Where what was said is read, for spans that include it. */
  store: TranscriptStore;
  secrets: Pick<Secrets, 'redact'>;
}

/**
 * Writes the spans of a turn, and returns when they have been sent. If that fails, the exporter keeps trying,
 * and the log says so.
 */
export function createWriteTrace(
  traces: Traces | undefined,
  { registry, store, secrets }: Sources,
) {
  return async function writeTrace(part: TracedPart): Promise<void> {
    // A client began the trace, but this worker has no traces.
    if (traces === undefined) return;
    const activity = Context.current();
    const turn = turnKey(activity.info);
    const { servers = [] } = registry.agent(part.agent) ?? {};
    const serverAttributes = (server: string) => ({
      ...servers.find(({ name }) => name === server)?.spanAttributes,
    });
    const { contentBytes: limit } = traces;
    const content =
      limit === undefined
        ? undefined
        : await findContent(activity, part, { store, secrets, limit });
    const spans = spansOf(turn, part, serverAttributes, (spanId) => content?.get(spanId));
    await traces.write(spans, (problem) => {
      const { turnId } = turn;
      const about = { sdkComponent: 'plait', turnId, problem };
      activity.log.warn('Traces are not known to have been sent', about);
    });
  };
}

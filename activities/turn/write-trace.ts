import { Context } from '@temporalio/activity';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { TracedPart } from '../../core/trace/spans.ts';
import { spansOf } from '../../core/trace/spans.ts';
import type { Traces } from '../../core/trace/traces.ts';
import { turnKey } from './turn-key.ts';

/**
 * Writes spans of a turn, and returns when they have been sent. Where that fails, the exporter goes on trying, and
 * the log says so.
 */
export function createWriteTrace(traces: Traces | undefined, registry: AgentRegistry) {
  return async function writeTrace(part: TracedPart): Promise<void> {
    // A client began the trace, and no worker goes on with it.
    if (traces === undefined) return;
    const { info, log } = Context.current();
    const turn = turnKey(info);
    const { servers = [] } = registry.agent(part.agent) ?? {};
    const serverAttributes = (server: string) => ({
      ...servers.find(({ name }) => name === server)?.spanAttributes,
    });
    await traces.write(spansOf(turn, part, serverAttributes), (problem) => {
      const { turnId } = turn;
      const about = { sdkComponent: 'plait', turnId, problem };
      log.warn('Traces are not known to have been sent', about);
    });
  };
}

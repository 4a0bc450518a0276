import { ApplicationFailure } from '@temporalio/common';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { Tool } from '../../agents/define-tool.ts';
import type { ReadResultInput } from '../../agents/read-result.ts';
import { pageOf, readResultTool } from '../../agents/read-result.ts';
import type { StoredResult } from '../../core/calls/outcome.ts';
import { inputProblemText, notKeptText } from '../../core/calls/texts.ts';
import { DEFAULT_RESULT_BYTES } from '../../core/conversation/cut-result.ts';
import { INVALID_TOOL_INPUT } from '../../core/failures.ts';
import { READ_RESULT } from '../../core/names.ts';
import type { TranscriptStore } from '../transcript/store.ts';

/** Plait's own tool. Besides its input it gets what the turn knows of the requested result. */
interface ReadResultTool extends Tool {
  readonly runStored: (input: unknown, stored: StoredResult | undefined) => Promise<string>;
}

/** Whether this is Plait's own tool, and not a tool of the agent with the same name. */
export function isReadResult(tool: Tool): tool is ReadResultTool {
  return 'runStored' in tool;
}

/**
 * The agent with `read_result`, where there is a storage to keep the rest of a long result. A tool of
 * the agent's own with that name is left alone.
 */
export function withReadResult(agent: AgentDefinition, store: TranscriptStore): AgentDefinition {
  const tools = agent.tools.size + (agent.servers?.length ?? 0);
  if (!store.hasStorage || tools === 0 || agent.tools.has(READ_RESULT)) return agent;
  const runStored = createReadResult(store);
  const readResult: ReadResultTool = {
    ...readResultTool,
    access: undefined,
    approval: 'never',
    // Its activity knows where the results are.
    startCallsEarly: false,
    summary: undefined,
    maxResultBytes: DEFAULT_RESULT_BYTES,
    runStored,
    run: (input) => runStored(input, undefined),
  };
  return {
    ...agent,
    tools: new Map([...agent.tools, [READ_RESULT, readResult]]),
    spec: { ...agent.spec, tools: [...(agent.spec.tools ?? []), readResult.spec] },
  };
}

export function createReadResult(store: Pick<TranscriptStore, 'readKept'>) {
  /** A page of a result that was cut. `stored` is what the turn knows under the id, if anything. */
  return async function readResult(
    input: unknown,
    stored: StoredResult | undefined,
  ): Promise<string> {
    const parsed = await readResultTool.parse(input);
    if (!parsed.ok) throw invalid(inputProblemText(READ_RESULT, parsed));
    const { id, offset, limit } = parsed.value as ReadResultInput;
    if (stored === undefined) throw invalid(notKeptText(id));
    return pageOf(await store.readKept(stored), offset, limit);
  };
}

/** Not retried: what is wrong is what the model wrote. */
function invalid(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, INVALID_TOOL_INPUT);
}

import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { Tool } from '../../agents/define-tool.ts';
import { readResultTool } from '../../agents/read-result.ts';
import { DEFAULT_RESULT_BYTES } from '../../core/conversation/cut-result.ts';
import { READ_RESULT } from '../../core/names.ts';
import type { StoredResult } from '../../core/calls/outcome.ts';
import { createReadResult } from './read-result.ts';
import type { TranscriptStore } from '../transcript/store.ts';

/** Plait's own `read_result`, which needs to be told where the result lies that it is asked for. */
interface ReadResultTool extends Tool {
  readonly runStored: (input: unknown, stored: StoredResult | undefined) => Promise<string>;
}

/** Whether it is Plait's own, and not a tool of the agent with the same name. */
export function isReadResult(tool: Tool): tool is ReadResultTool {
  return 'runStored' in tool;
}

/**
 * The agent with the tools that Plait gives it: `read_result`, where there is a storage to keep the
 * rest of a long result. A tool of the agent's own with that name is left alone.
 */
export function withBuiltInTools(agent: AgentDefinition, store: TranscriptStore): AgentDefinition {
  if (!store.hasStorage || agent.tools.size === 0 || agent.tools.has(READ_RESULT)) return agent;
  const runStored = createReadResult(store);
  const readResult: ReadResultTool = {
    ...readResultTool,
    access: undefined,
    approval: 'never',
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

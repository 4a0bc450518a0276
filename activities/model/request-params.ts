import type { MessageCreateParamsBase, ToolChoice } from '@anthropic-ai/sdk/resources/messages';
import type { AgentSpec } from '../../core/agent-spec.ts';
import type { CompactionParams } from '../../core/conversation/compaction.ts';
import type { Message } from '../../core/conversation/messages.ts';
import type { Container } from '../../core/conversation/server-calls.ts';
import { defined } from '../../core/json.ts';
import { withBreakpoints } from './cache-breakpoints.ts';

export type RequestParams = Omit<MessageCreateParamsBase, 'stream'> & CompactionParams;

/** The parts of a request that do not come from the agent's spec. */
export interface OwnParams {
  /** The schema of the answer, where the turn has one of its own. */
  output?: NonNullable<AgentSpec['output_config']>;
  /** The model must answer without calling tools. */
  lastWord?: boolean;
  /** The first request of its turn. */
  first?: boolean;
  /** The sandbox of its turn. The API needs it while code in it waits for a call. */
  container?: Container;
}

/** The body of the next request of a conversation. */
export function requestParams(
  spec: AgentSpec,
  messages: Message[],
  own: OwnParams = {},
): RequestParams {
  const {
    cache,
    max_tokens_retry: _,
    tool_choice: __,
    fallbacks: ___,
    served: ____,
    ...params
  } = spec;
  const { output, container } = own;
  const toolChoice = toolChoiceOf(spec, own);
  const request: RequestParams = {
    ...params,
    ...defined({ tool_choice: toolChoice }),
    ...(output === undefined ? {} : { output_config: { ...params.output_config, ...output } }),
    ...(container === undefined || isLongGone(container) ? {} : { container: container.id }),
    messages,
  };
  return withBreakpoints(request, cache);
}

/** Longer than two clocks ever differ. */
const MAX_CLOCK_SKEW_MS = 3_600_000;

/**
 * The API would reject an expired sandbox, but ends the code that waits in a sandbox that the request leaves
 * out. Only the API's clock can decide; so leave out what has certainly expired, and let a second chance
 * leave out the others.
 */
function isLongGone({ expires_at: expiresAt }: Container): boolean {
  return Date.parse(expiresAt) + MAX_CLOCK_SKEW_MS < Date.now();
}

function toolChoiceOf(
  { tools, tool_choice: chosen }: AgentSpec,
  { lastWord = false, first = false }: OwnParams,
): ToolChoice | undefined {
  // The tools stay, since the conversation is bound to them.
  if (lastWord && tools !== undefined) return { type: 'none' };
  if (first || chosen?.type === undefined || chosen.type === 'none') return chosen;
  // A model that must call a tool in every reply would never come to an end.
  const { disable_parallel_tool_use: one } = chosen;
  return { type: 'auto', ...defined({ disable_parallel_tool_use: one }) };
}

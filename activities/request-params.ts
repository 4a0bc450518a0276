import type { MessageCreateParamsBase } from '@anthropic-ai/sdk/resources/messages';
import type { AgentSpec } from '../core/agent-spec.ts';
import type { Message } from '../core/messages.ts';
import { withBreakpoints } from './cache-breakpoints.ts';

export type RequestParams = Omit<MessageCreateParamsBase, 'stream'>;

/** The body of the next request of a conversation. */
export function requestParams(spec: AgentSpec, messages: Message[]): RequestParams {
  const { cache, ...params } = spec;
  return withBreakpoints({ ...params, messages }, cache);
}

import { defined } from '../json.ts';
import type { AgentSpec, FallbackReason, FallbackSpec } from '../agent-spec.ts';

/** The model that a turn has gone on with, instead of its agent's, and why it left the one before. */
export interface TakenFallback {
  model: string;
  because: FallbackReason;
}

/** The model to go on with after `asked`, the agent's own or one of its fallbacks. Never one before it. */
export function nextFallback(
  { fallbacks = [] }: Pick<AgentSpec, 'fallbacks'>,
  asked: string,
  reason: FallbackReason,
): string | undefined {
  const after = fallbacks.findIndex(({ model }) => model === asked) + 1;
  return fallbacks.slice(after).find(({ on }) => on.includes(reason))?.model;
}

/** What requests to `model` say of the agent: the spec, and what its fallback changes about it. */
export function specFor(spec: AgentSpec, model: string): AgentSpec {
  const { fallbacks, ...own } = spec;
  const fallback = fallbacks?.find((one) => one.model === model);
  return fallback === undefined ? own : changed(own, fallback);
}

function changed(own: AgentSpec, fallback: FallbackSpec): AgentSpec {
  const {
    model,
    max_tokens,
    thinking = own.thinking,
    effort = own.output_config?.effort,
  } = fallback;
  const { thinking: _, output_config: __, ...rest } = own;
  const format = own.output_config?.format;
  const output = {
    ...defined({ format }),
    ...(effort === undefined || effort === null ? {} : { effort }),
  };
  return {
    ...rest,
    model,
    ...defined({ max_tokens }),
    ...(thinking === undefined || thinking === null ? {} : { thinking }),
    ...(Object.keys(output).length === 0 ? {} : { output_config: output }),
  };
}

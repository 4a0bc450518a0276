import type { ToolResultContent, ToolUse } from '../conversation/messages.ts';
import { isCalledByCode } from '../conversation/server-calls.ts';
import {
  BROWSER_STATE_ELSEWHERE,
  ONLY_TEXT_FOR_CODE,
  ONLY_TEXTS_AND_IMAGES,
  SEVERAL_BROWSER_STATES,
} from './texts.ts';

/** Where a call comes from, as far as that limits its result. Empty for an ordinary one. */
export interface CallOrigin {
  /** Code of the model waits for it, a few minutes at most. */
  byCode?: true;
  /** It is an action of this toolset. */
  toolset?: string;
}

export function originOf(call: Partial<Pick<ToolUse, 'caller' | 'toolset_name'>>): CallOrigin {
  return {
    ...(isCalledByCode(call) ? { byCode: true } : {}),
    ...(typeof call.toolset_name === 'string' ? { toolset: call.toolset_name } : {}),
  };
}

/**
 * What the model reads instead of content that the API would reject as the result of such a call;
 * `undefined` where the content is fine.
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
 */
export function resultProblem(
  { byCode, toolset }: CallOrigin,
  content: ToolResultContent,
): string | undefined {
  const types = typeof content === 'string' ? [] : content.map(({ type }) => type);
  if (byCode === true && types.some((type) => type !== 'text')) return ONLY_TEXT_FOR_CODE;
  const states = types.filter((type) => type === 'browser_state').length;
  if (toolset !== 'browser' && states > 0) return BROWSER_STATE_ELSEWHERE;
  if (states > 1) return SEVERAL_BROWSER_STATES;
  if (toolset !== undefined && types.some((type) => !ACTION_RESULTS.has(type))) {
    return ONLY_TEXTS_AND_IMAGES;
  }
  return undefined;
}

const ACTION_RESULTS: ReadonlySet<string> = new Set(['text', 'image', 'browser_state']);

import type { ToolResultContent, ToolUse } from '../conversation/messages.ts';
import { isCalledByCode } from '../conversation/server-calls.ts';

/** Who a call comes from, as far as that limits its result. Nothing for an ordinary one. */
export interface CallOrigin {
  /** Code of the model waits for it, a few minutes at most. */
  byCode?: true;
  /** It is of a member of this toolset. */
  toolset?: string;
}

export function originOf(call: Partial<Pick<ToolUse, 'caller' | 'toolset_name'>>): CallOrigin {
  return {
    ...(isCalledByCode(call) ? { byCode: true } : {}),
    ...(typeof call.toolset_name === 'string' ? { toolset: call.toolset_name } : {}),
  };
}

/**
 * Why the API would refuse this content as the result of such a call, or `undefined`.
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
 */
export function resultProblem(
  { byCode, toolset }: CallOrigin,
  content: ToolResultContent,
): string | undefined {
  const types = typeof content === 'string' ? [] : content.map(({ type }) => type);
  if (byCode === true && types.some((type) => type !== 'text')) {
    return 'The tool ran, but its result holds more than text, and code can only be given text.';
  }
  const states = types.filter((type) => type === 'browser_state').length;
  if (toolset !== 'browser' && states > 0) {
    return 'The tool ran, but its result holds a browser_state, which only actions of the browser toolset return.';
  }
  if (states > 1) return 'The tool ran, but its result holds more than one browser_state.';
  if (toolset !== undefined && types.some((type) => !ACTION_RESULTS.has(type))) {
    return 'The tool ran, but its result holds more than texts and images, and an action can only return those.';
  }
  return undefined;
}

const ACTION_RESULTS: ReadonlySet<string> = new Set(['text', 'image', 'browser_state']);

// The tools that Anthropic describes as a family, browser and computer, and that you run. One entry of
// the request's tools stands for all members; a call of a member names both.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
import { isRecord } from '../json.ts';
import type { ToolUse } from './messages.ts';
import { toolUses } from './messages.ts';

/** By the beginning of the entry's type. */
const TOOLSETS: Readonly<Record<string, string>> = {
  browser_toolset_: 'browser',
  computer_toolset_: 'computer',
};

/** The toolset that an entry of a request's tools stands for. Such an entry has no name. */
export function toolsetOf({ type }: { readonly type?: string | null }): string | undefined {
  const found = Object.entries(TOOLSETS).find(([prefix]) => type?.startsWith(prefix) === true);
  return found?.[1];
}

/**
 * The calls of a reply as they are run. A call of a toolset's member is one of the tool that is named
 * after the toolset, and the member is its `action`: `left_click` of `computer` is run as `computer`
 * with `{ action: 'left_click', coordinate: [10, 20] }`.
 */
export function toolCalls(content: readonly { type: string }[]): ToolUse[] {
  return toolUses(content).map((use) => {
    const { toolset_name: toolset, name, input } = use;
    if (typeof toolset !== 'string' || !isRecord(input)) return use;
    return { ...use, name: toolset, input: { action: name, ...input } };
  });
}

/** What calls of a toolset's members share. No key of a tool, since those are texts of objects. */
export function toolsetKey(toolset: string): string {
  return JSON.stringify(`toolset ${toolset}`);
}

/** In the words of Anthropic's own runner. */
const NOT_EXECUTED = new Map([
  [toolsetKey('browser'), 'Not executed: an earlier action in this turn failed.'],
  [toolsetKey('computer'), 'Not executed: an earlier computer action in this turn failed.'],
]);

/**
 * What the model is told of an action that did not run because of an earlier one; nothing where the key
 * on which the two meet is none of a toolset.
 */
export function skippedActionText(key: string | undefined): string | undefined {
  return key === undefined ? undefined : NOT_EXECUTED.get(key);
}

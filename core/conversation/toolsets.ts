// The tools that Anthropic describes as a family, browser and computer, and that you run. One entry of
// the request's tools stands for all members; a call of a member names both.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
import { isRecord } from '../json.ts';
import type { ToolUse } from './messages.ts';
import { toolUses } from './messages.ts';

export type Toolset = 'browser' | 'computer';

/** By the beginning of the entry's type. */
const TOOLSETS: Readonly<Record<string, Toolset>> = {
  browser_toolset_: 'browser',
  computer_toolset_: 'computer',
};

/** The toolset that an entry of a request's tools stands for. Such an entry has no name. */
export function toolsetOf({ type }: { readonly type?: string | null }): Toolset | undefined {
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

/** What the actions of a toolset share. Not a key of a tool, since those are JSON texts of objects. */
export function toolsetKey(toolset: string): string {
  return JSON.stringify(`toolset ${toolset}`);
}

const TOOLSET_OF_KEY = new Map(
  Object.values(TOOLSETS).map((toolset) => [toolsetKey(toolset), toolset]),
);

/** The toolset whose actions meet on this key. */
export function toolsetOfKey(key: string | undefined): Toolset | undefined {
  return key === undefined ? undefined : TOOLSET_OF_KEY.get(key);
}

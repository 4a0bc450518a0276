import type { ToolUnion } from '@anthropic-ai/sdk/resources/messages';
import { toolsetOf } from '../core/conversation/toolsets.ts';
import type { Tool } from './define-tool.ts';

/**
 * A tool that Anthropic defines, as the Messages API takes it:
 * `{ type: 'web_search_20260318', name: 'web_search' }`. A toolset has no name:
 * `{ type: 'browser_toolset_20260801' }`.
 */
export type ServerTool = Extract<
  ToolUnion,
  {
    type:
      | `web_search_${string}`
      | `web_fetch_${string}`
      | `code_execution_${string}`
      | `tool_search_tool_${string}`
      | `memory_${string}`
      | `bash_${string}`
      | `text_editor_${string}`
      | `browser_toolset_${string}`
      | `computer_toolset_${string}`;
  }
>;

const RUN_BY_THE_API = ['web_search_', 'web_fetch_', 'code_execution_', 'tool_search_tool_'];
/** Anthropic describes these, and a tool of the agent runs them. */
const RUN_HERE = ['memory_', 'bash_', 'text_editor_', 'browser_toolset_', 'computer_toolset_'];

const isOneOf = (type: string, prefixes: readonly string[]) =>
  prefixes.some((prefix) => type.startsWith(prefix));

/** The name of the tool that runs it, here or at the API. */
function nameOf(tool: ServerTool): string {
  return 'name' in tool ? tool.name : (toolsetOf(tool) ?? '');
}

export function serverToolProblems(
  serverTools: readonly ServerTool[],
  tools: readonly Tool[],
): string[] {
  const names = new Set(tools.map(({ name }) => name));
  const problems = serverTools.flatMap((tool) => {
    const about = (problem: string) => `serverTools: ${tool.type} ${problem}`;
    const here = isOneOf(tool.type, RUN_HERE);
    if (!here && !isOneOf(tool.type, RUN_BY_THE_API)) return [about('is not a known type')];
    if ('cache_control' in tool) {
      return [about('must not have cache_control; use the option `cache` of the agent')];
    }
    const name = nameOf(tool);
    if (here && !names.has(name)) {
      return [about(`runs in your worker; give the agent a tool named ${name}`)];
    }
    if (!here && names.has(name)) {
      return [about(`is named ${name} like one of the agent's tools; rename that tool`)];
    }
    return [];
  });
  const given = serverTools.map(nameOf);
  const doubled = new Set(given.filter((name, i) => given.indexOf(name) !== i));
  return [
    ...problems,
    ...callerProblems(serverTools, tools),
    ...replacedProblems(serverTools, tools),
    ...[...doubled].map((name) => `serverTools: two are named ${name}; leave one out`),
  ];
}

function callerProblems(serverTools: readonly ServerTool[], tools: readonly Tool[]): string[] {
  const runsCode = serverTools.some(({ type }) => type.startsWith('code_execution_'));
  const deferred = tools.filter(({ spec }) => spec.defer_loading === true);
  const searches = serverTools.some(({ type }) => type.startsWith('tool_search_tool_'));
  return [
    ...tools
      .filter(
        ({ spec }) => !runsCode && spec.allowed_callers?.some((caller) => caller !== 'direct'),
      )
      .map(
        ({ name }) =>
          `tool ${name} has allowedCallers for code; add a code_execution tool to serverTools`,
      ),
    ...deferred
      .filter(() => !searches)
      .map(({ name }) => `tool ${name} has deferLoading; add a tool_search_tool to serverTools`),
  ];
}

/** Options of a tool that have no effect, because the tool runs one of Anthropic's. */
function replacedProblems(serverTools: readonly ServerTool[], tools: readonly Tool[]): string[] {
  return serverTools.flatMap((entry) => {
    const tool = tools.find(({ name }) => name === nameOf(entry));
    if (tool === undefined) return [];
    const about = (problem: string) => `tool ${tool.name} ${problem}`;
    const { defer_loading: deferred, allowed_callers: callers } = tool.spec;
    return [
      ...(deferred === undefined && callers === undefined
        ? []
        : [
            about(
              `runs ${entry.type}; set defer_loading and allowed_callers there, not on the tool`,
            ),
          ]),
      ...(toolsetOf(entry) === undefined || tool.access === undefined
        ? []
        : [
            about(
              `runs the actions of ${entry.type}, which always run in call order; leave out access`,
            ),
          ]),
    ];
  });
}

/** All tools as the model reads them: Anthropic's own entry replaces that of the tool that runs it. */
export function toolSpecs(
  tools: readonly Tool[],
  serverTools: readonly ServerTool[] = [],
): ToolUnion[] {
  const own = new Set(tools.map(({ name }) => name));
  return [
    ...tools.map(({ name, spec }) => serverTools.find((tool) => nameOf(tool) === name) ?? spec),
    ...serverTools.filter((tool) => !own.has(nameOf(tool))),
  ];
}

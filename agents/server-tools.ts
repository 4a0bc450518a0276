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
/** Anthropic describes these, and the caller of the API runs them. */
const RUN_HERE = ['memory_', 'bash_', 'text_editor_', 'browser_toolset_', 'computer_toolset_'];

const isOneOf = (type: string, prefixes: readonly string[]) =>
  prefixes.some((prefix) => type.startsWith(prefix));

/** The name of the tool that runs it, or of those that the API runs. */
function nameOf(tool: ServerTool): string {
  return 'name' in tool ? tool.name : (toolsetOf(tool) ?? '');
}

/** What is wrong with them, if anything. */
export function serverToolProblems(
  serverTools: readonly ServerTool[],
  tools: readonly Tool[],
): string[] {
  const names = new Set(tools.map(({ name }) => name));
  const problems = serverTools.flatMap((tool) => {
    const about = (problem: string) => `serverTools: ${tool.type} ${problem}`;
    const here = isOneOf(tool.type, RUN_HERE);
    if (!here && !isOneOf(tool.type, RUN_BY_THE_API)) return [about('is not known')];
    if ('cache_control' in tool) return [about('has a cache_control; see the option `cache`')];
    const name = nameOf(tool);
    if (here && !names.has(name)) {
      return [about(`is run by you: give the agent a tool named ${name}`)];
    }
    if (!here && names.has(name)) return [about(`has the name of a tool of yours`)];
    return [];
  });
  const doubled = serverTools.some((tool, i) =>
    serverTools.slice(0, i).some((other) => nameOf(other) === nameOf(tool)),
  );
  return [
    ...problems,
    ...callerProblems(serverTools, tools),
    ...replacedProblems(serverTools, tools),
    ...(doubled ? ['serverTools: two have one name'] : []),
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
        ({ name }) => `tool ${name} may be called by code, and serverTools has no code_execution`,
      ),
    ...deferred
      .filter(() => !searches)
      .map(({ name }) => `tool ${name} is loaded later, and serverTools has no tool_search_tool`),
  ];
}

/** What a tool says that runs one of Anthropic's, and nobody would hear. */
function replacedProblems(serverTools: readonly ServerTool[], tools: readonly Tool[]): string[] {
  return serverTools.flatMap((entry) => {
    const tool = tools.find(({ name }) => name === nameOf(entry));
    if (tool === undefined) return [];
    const about = (problem: string) => `tool ${tool.name} ${problem}`;
    const { defer_loading: deferred, allowed_callers: callers } = tool.spec;
    return [
      ...(deferred === undefined && callers === undefined
        ? []
        : [about(`runs ${entry.type}: deferLoading and allowedCallers belong into serverTools`)]),
      ...(toolsetOf(entry) === undefined || tool.access === undefined
        ? []
        : [
            about(
              `runs the actions of ${entry.type}, which have an order of their own: leave out access`,
            ),
          ]),
    ];
  });
}

/** All tools as the model is told of them. Anthropic's own description takes the place of yours. */
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

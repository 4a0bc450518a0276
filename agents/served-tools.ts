import { setImmediate } from 'node:timers/promises';
import type { Tool as ApiTool } from '@anthropic-ai/sdk/resources/messages';
import type { AgentSpec, ServedTool, ServedTools } from '../core/agent-spec.ts';
import type { AnsweredQuestions, CallQuestions } from '../core/calls/question.ts';
import { invalidServedResultText } from '../core/calls/texts.ts';
import type { ToolPolicyOverrides } from '../core/calls/tool-policy.ts';
import { toolPolicy } from '../core/calls/tool-policy.ts';
import { DEFAULT_RESULT_BYTES } from '../core/conversation/cut-result.ts';
import { defined, isRecord, wellFormed } from '../core/json.ts';
import { isSelected, knownAnnotations, servedName } from '../core/served-tools.ts';
import type { AgentDefinition } from './define-agent.ts';
import type { Tool, ToolContext } from './define-tool.ts';
import type { CompiledSchema, JsonSchema } from './input-schema.ts';
import { compileAnySchema, foreignSchema } from './input-schema.ts';
import type {
  CalledTool,
  ListedTool,
  McpServer,
  McpToolSettings,
  ServedQuestions,
  ServedResult,
} from './mcp-server.ts';
import { ToolError } from './tool-error.ts';

/** The tools of a server as a turn pins them. */
export interface Listing {
  served: ServedTools;
  specs: ApiTool[];
  /** What is wrong with the server's list, for the log. */
  problems: string[];
}

/**
 * The tools that an agent gets from its server's list: those that are selected and that the API accepts,
 * sorted by name, so that a server that changes the order does not spoil the prompt cache.
 */
export async function listingOf(
  server: McpServer,
  listed: readonly ListedTool[],
): Promise<Listing> {
  const problems: string[] = [];
  const known = new Set(listed.map(({ name }) => name));
  const { allow = [], deny = [] } = server.selection;
  for (const [option, names] of Object.entries({ allow, deny, tools: [...server.tools.keys()] })) {
    const missing = names.filter((name) => !known.has(name));
    if (missing.length > 0) problems.push(`${option}: it has no tool ${missing.join(', ')}`);
  }
  const entries = new Map<string, { served: ServedTool; spec: ApiTool }>();
  for (const [i, tool] of listed.entries()) {
    // There may be hundreds of tools, and the worker has other calls to run.
    if (i % 20 === 19) await setImmediate();
    if (!isSelected(server.selection, tool.name)) continue;
    if (needsTask(tool)) {
      problems.push(
        `${tool.name} is left out: it runs only as a task of MCP, which Plait does not support`,
      );
      continue;
    }
    try {
      const entry = entryOf(server, tool);
      entries.set(entry.spec.name, entry);
    } catch (error) {
      problems.push(`${tool.name} is left out: its inputSchema ${(error as Error).message}`);
    }
  }
  const sorted = [...entries.values()].toSorted((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
  return {
    served: { server: server.name, tools: sorted.map(({ served }) => served) },
    specs: sorted.map(({ spec }) => spec),
    problems,
  };
}

/** Without a task, the server would answer every call of such a tool with an error. */
function needsTask({ execution }: ListedTool): boolean {
  return isRecord(execution) && execution['taskSupport'] === 'required';
}

function entryOf(server: McpServer, tool: ListedTool): { served: ServedTool; spec: ApiTool } {
  const name = servedName(server.name, tool.name);
  const { deferLoading = server.defaults.deferLoading } = server.tools.get(tool.name) ?? {};
  const jsonSchema = foreignSchema(withoutChoice(tool.inputSchema));
  const description = (tool.description ?? tool.title ?? '').toWellFormed();
  const outputSchema = isRecord(tool.outputSchema) ? tool.outputSchema : undefined;
  return {
    served: {
      name,
      tool: tool.name,
      ...defined({ annotations: knownAnnotations(tool.annotations), outputSchema }),
    },
    spec: {
      name,
      ...(description.trim() === '' ? {} : { description }),
      input_schema: jsonSchema,
      ...(deferLoading === true && { defer_loading: true }),
    },
  };
}

/**
 * The schema without `oneOf`, `anyOf` and `allOf` at its top level, which the API rejects. The server itself
 * checks those.
 */
function withoutChoice(schema: unknown): Record<string, unknown> {
  const { oneOf: _, anyOf: __, allOf: ___, ...rest } = isRecord(schema) ? schema : {};
  return wellFormed({ ...rest, type: rest['type'] ?? 'object' });
}

/** Runs a call on the server. */
export type CallServer = (
  server: McpServer,
  tool: CalledTool,
  input: unknown,
  ctx: ToolContext,
  answered?: AnsweredQuestions,
) => Promise<ServedResult | ServedQuestions>;

/** What a call returns if its server has asked a person. */
export class AsksPerson {
  readonly asks: Pick<CallQuestions, 'questions' | 'state'>;

  constructor(asks: AsksPerson['asks']) {
    this.asks = asks;
  }
}

/** A tool of a server. A call can be continued with the answers to the server's questions. */
interface AskingTool extends Tool {
  readonly runAnswered: (
    input: unknown,
    ctx: ToolContext,
    answered: AnsweredQuestions | undefined,
  ) => Promise<unknown>;
}

export function mayAsk(tool: Tool): tool is AskingTool {
  return 'runAnswered' in tool;
}

/** The agent with the tools of a pinned spec, as far as it still has their servers. */
export function withServed(
  agent: AgentDefinition,
  spec: AgentSpec,
  call: CallServer,
): AgentDefinition {
  const { served = [] } = spec;
  if (served.length === 0) return agent;
  const servers = new Map(agent.servers?.map((server) => [server.name, server]));
  const specs = new Map(spec.tools?.map((one) => ['name' in one ? one.name : '', one]));
  const tools = served.flatMap(({ server: name, tools }) => {
    const server = servers.get(name);
    if (server === undefined) return [];
    return tools.flatMap((one) => {
      const spec = specs.get(one.name);
      // Turns that still know a tool must not call it once it has been denied.
      if (spec === undefined || !isSelected(server.selection, one.tool)) return [];
      return [[one.name, servedTool(server, one, { spec: spec as ApiTool, call })] as const];
    });
  });
  return { ...agent, tools: new Map([...agent.tools, ...tools]) };
}

/** The tool in the form of one of the agent's own, so that everything except the call itself treats both alike. */
function servedTool(
  server: McpServer,
  { name, tool, annotations: listed, outputSchema }: ServedTool,
  { spec, call }: { spec: ApiTool; call: CallServer },
): AskingTool {
  const settings: McpToolSettings = server.tools.get(tool) ?? {};
  const { defaults } = server;
  const annotations = { ...listed, ...defined(settings.annotations ?? {}) };
  const readOnly = annotations.readOnlyHint === true;
  const repeatable = readOnly || annotations.idempotentHint === true;
  const overrides = {
    ...defined(defaults.activity ?? {}),
    ...defined(settings.activity ?? {}),
    ...defined({ concurrency: settings.concurrency, approvalTimeout: settings.approvalTimeout }),
    server: server.name,
  } as ToolPolicyOverrides;
  const input = once(() => checkOf(name, 'input', inputSchemaOf(spec)));
  const output = once(() =>
    outputSchema === undefined ? undefined : checkOf(name, 'result', outputSchema as JsonSchema),
  );
  const called: CalledTool = {
    tool,
    inputSchema: inputSchemaOf(spec),
    repeatable,
    ...defined({ outputSchema }),
  };
  const runAnswered: AskingTool['runAnswered'] = async (value, ctx, answered) => {
    const result = await call(server, called, value, ctx, answered);
    if (result.type === 'asks') {
      const { questions, state } = result;
      return new AsksPerson({ questions, ...defined({ state }) });
    }
    const parsed = 'structured' in result && (await output()?.(result.structured));
    if (!parsed || parsed.ok) return result.value;
    throw new ToolError(invalidServedResultText(parsed.problem), { retryable: false });
  };
  return {
    name,
    spec,
    annotations,
    policy: toolPolicy(repeatable, overrides),
    access: settings.access ?? (readOnly ? undefined : { inOrder: server.name }),
    startCallsEarly: readOnly && settings.startCallsEarly === true,
    approval: (settings.approval ?? 'never') as Tool['approval'],
    summary: settings.summary as Tool['summary'],
    maxResultBytes: settings.maxResultBytes ?? defaults.maxResultBytes ?? DEFAULT_RESULT_BYTES,
    parse: (value) => input()(value),
    runAnswered,
    run: (value, ctx) => runAnswered(value, ctx, undefined),
  };
}

/** A schema that cannot be compiled checks nothing: the server still does. */
function checkOf(subject: string, value: string, schema: JsonSchema): CompiledSchema['parse'] {
  try {
    return compileAnySchema({ subject, option: 'schema', value }, schema).parse;
  } catch {
    return (given) => Promise.resolve({ ok: true, value: given });
  }
}

const inputSchemaOf = (spec: ApiTool) => spec.input_schema as JsonSchema;

/** Compiled on the first call: most listed tools are never called. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

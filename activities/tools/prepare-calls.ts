import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { accessOf } from '../../agents/access-option.ts';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { Tool } from '../../agents/define-tool.ts';
import type { Access } from '../../core/calls/order.ts';
import type { MissingCall, PreparedCall } from '../../core/calls/prepared-call.ts';
import {
  CODE_CANNOT_WAIT_FOR_APPROVAL,
  inexactInputText,
  invalidInputText,
  noActionText,
  toolGoneText,
  unknownToolText,
} from '../../core/calls/texts.ts';
import type { Inexact, WithExactTexts } from '../../core/conversation/exact-json.ts';
import { findInexact } from '../../core/conversation/exact-json.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { isCalledByCode } from '../../core/conversation/server-calls.ts';
import { toolsetKey, toolsetOf } from '../../core/conversation/toolsets.ts';
import { TOOL_NOT_REGISTERED } from '../../core/failures.ts';
import { defined, isRecord, shorten } from '../../core/json.ts';
import { LOOKUP_ATTEMPTS, LOOKUP_DELAY, registeredAgent } from '../turn/pin-agent.ts';

/**
 * Decides, for every call of a reply, what workflow code cannot: it has no functions. `pinned` are the
 * names of the tools that the model knows.
 */
export async function prepareCalls(
  agent: AgentDefinition,
  calls: readonly ToolUse[],
  { context, pinned }: { context?: unknown; pinned?: readonly string[] } = {},
): Promise<(PreparedCall | MissingCall)[]> {
  return await Promise.all(
    calls.map(async (call) => {
      if (!agent.tools.has(call.name) && pinned?.includes(call.name) === true) {
        return { type: 'missing' } as const;
      }
      return await prepareNewCall(agent, call, context);
    }),
  );
}

export interface PrepareCallArgs {
  agent: string;
  /** With the input that it is to run with. */
  call: ToolUse;
  /** Set where the worker that had the reply has no such tool, so that the call is not prepared yet. */
  missing?: { context?: unknown };
}

export function createPrepareCall(registry: AgentRegistry) {
  /** Prepares a call again whose input an approver has changed, or on another worker. */
  return async function prepareOneCall(args: PrepareCallArgs): Promise<PreparedCall> {
    const { call, missing } = args;
    const agent = registeredAgent(registry, args.agent);
    // What a person has written is not what the model's JSON says.
    if (missing === undefined) return (await prepareCall(agent, withoutTexts(call))).prepared;
    if (agent.tools.has(call.name)) {
      return await prepareNewCall(agent, call, missing.context);
    }
    const message = toolGoneText(call.name);
    if (activityInfo().attempt >= LOOKUP_ATTEMPTS) return { type: 'invalid', message };
    // While a new version rolls out, workers of both serve the queue.
    throw ApplicationFailure.create({
      message,
      type: TOOL_NOT_REGISTERED,
      nextRetryDelay: LOOKUP_DELAY,
    });
  };
}

/** Also decides whether a person must be asked. */
async function prepareNewCall(
  agent: AgentDefinition,
  call: ToolUse,
  context?: unknown,
): Promise<PreparedCall> {
  const { tool, input, prepared } = await prepareCall(agent, call);
  if (prepared.type === 'invalid' || tool === undefined) return prepared;
  const approval = await needsApproval(agent, tool, input, context);
  if (!approval) return prepared;
  return isCalledByCode(call)
    ? { type: 'invalid', message: CODE_CANNOT_WAIT_FOR_APPROVAL }
    : { ...prepared, approval: true };
}

interface Preparation {
  tool?: Tool;
  /** What the schema made of the input. */
  input?: unknown;
  prepared: PreparedCall;
}

/** All but whether a person must be asked. */
async function prepareCall(agent: AgentDefinition, call: ToolUse): Promise<Preparation> {
  const tool = agent.tools.get(call.name);
  if (tool === undefined) {
    return invalid(unknownToolText(call.name, [...agent.tools.keys()]));
  }
  const action = isAction(agent, call) ? { writes: [toolsetKey(call.name)] } : undefined;
  if (action !== undefined && call.toolset_name !== call.name) {
    return invalid(noActionText(call.name), action);
  }
  const inexact = inexactIn(call);
  if (inexact !== undefined) return invalid(inexactInputText(call.name, inexact), action);
  const parsed = await tool.parse(call.input);
  if (!parsed.ok) return invalid(invalidInputText(call.name, parsed.problem), action);
  const access = action ?? accessOf(tool.access, parsed.value);
  return {
    tool,
    input: parsed.value,
    prepared: {
      type: 'ready',
      summary: summarize(call.input),
      ...defined({ access }),
    },
  };
}

function inexactIn({ plait_json: texts }: ToolUse & WithExactTexts): Inexact | undefined {
  const text = texts?.['input'];
  return text === undefined ? undefined : findInexact(text);
}

function withoutTexts(call: ToolUse & WithExactTexts): ToolUse {
  const { plait_json: _, ...rest } = call;
  return rest;
}

/**
 * Actions of one toolset run in call order and stop at the first that fails; other tools neither wait
 * for them nor hold them up.
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/parallel-tool-use
 */
function isAction({ spec }: AgentDefinition, { name, toolset_name: toolset }: ToolUse): boolean {
  return toolset === name || spec.tools?.some((entry) => toolsetOf(entry) === name) === true;
}

function invalid(message: string, access?: Access): Preparation {
  return { prepared: { type: 'invalid', message, ...defined({ access }) } };
}

/** Only a clear no lets a call run without a person: a function that throws or returns nothing asks one. */
async function needsApproval(
  agent: AgentDefinition,
  { approval }: Tool,
  input: unknown,
  context?: unknown,
): Promise<boolean> {
  if (approval === 'never') return false;
  if (approval === 'always') return true;
  try {
    return (await approval(input, { context: await agent.parseContext(context) })) !== false;
  } catch {
    return true;
  }
}

/** The arguments in a line: `customer_id: 1234, plan: pro`. */
export function summarize(input: unknown): string {
  if (!isRecord(input)) return '';
  const fields = Object.entries(input).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${key}: ${shorten(text.replaceAll(/\s+/g, ' '), 40)}`;
  });
  return shorten(fields.join(', '), 120);
}

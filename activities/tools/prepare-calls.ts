import { activityInfo, log } from '@temporalio/activity';
import type { Logger } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import { accessInTime } from '../../agents/access-option.ts';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { Tool } from '../../agents/define-tool.ts';
import { inTime } from '../../agents/in-time.ts';
import type { PinnedSpec } from '../../core/agent-spec.ts';
import type { Access } from '../../core/calls/order.ts';
import type { MissingCall, PreparedCall } from '../../core/calls/prepared-call.ts';
import { TOOL_LOOKUPS } from '../../core/calls/prepared-call.ts';
import {
  CODE_CANNOT_WAIT_FOR_APPROVAL,
  inexactInputText,
  inputProblemText,
  noActionText,
  noSessionText,
  toolGoneText,
  unknownToolText,
} from '../../core/calls/texts.ts';
import type { TurnOwner } from '../../core/calls/tool-call.ts';
import type { Inexact, WithExactTexts } from '../../core/conversation/exact-json.ts';
import { findInexact } from '../../core/conversation/exact-json.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { isCalledByCode } from '../../core/conversation/server-calls.ts';
import { toolsetKey, toolsetOf } from '../../core/conversation/toolsets.ts';
import { causeChain, TOOL_NOT_REGISTERED } from '../../core/failures.ts';
import { canonicalJson, defined, isRecord, shorten } from '../../core/json.ts';
import { findNewSessionIdProblem } from '../../core/names.ts';
import type { Secrets } from '../model/secrets.ts';
import { registeredAgent } from '../turn/pin-agent.ts';
import type { Served } from '../turn/served.ts';

/**
 * Decides, for every call of a reply, what workflow code cannot: it has no functions. `pinned` are the
 * names of the tools that the model knows.
 */
export async function prepareCalls(
  agent: AgentDefinition,
  calls: readonly ToolUse[],
  { pinned, ...circumstances }: Circumstances & { pinned?: readonly string[] },
): Promise<(PreparedCall | MissingCall)[]> {
  return await Promise.all(
    calls.map(async (call) => {
      if (!agent.tools.has(call.name) && pinned?.includes(call.name) === true) {
        return { type: 'missing' } as const;
      }
      return await prepareNewCall(agent, call, circumstances);
    }),
  );
}

interface Circumstances extends TurnOwner {
  turnId: string;
  /** That of the turn. */
  context?: unknown;
  /** Whether the worker has an `authorizeDecision`. */
  authorize?: boolean;
  log?: Pick<Logger, 'warn'>;
  /** For what schemas and approval functions throw. @default leaves it as it is */
  redact?: Secrets['redact'];
}

export interface PrepareCallArgs {
  agent: string;
  /** With the input that it is to run with. */
  call: ToolUse;
  /** Set where the worker that had the reply has no such tool, so that the call is not prepared yet. */
  missing?: TurnOwner & { context?: unknown };
  /** Set where an approver has edited the input of a call that has a session, which it may name otherwise. */
  edited?: TurnOwner & { context?: unknown };
  /** Where an MCP server has listed the tool: the pinned spec, which says what was listed. */
  spec?: PinnedSpec;
}

/**
 * Chance gives an attempt to one worker or another. `TOOL_LOOKUPS` of them find a tool that half of the
 * workers have, and mostly one that a tenth have. For a tool that is gone they take five seconds.
 */
const TOOL_LOOKUP_DELAY = '250ms';

export function createPrepareCall(
  registry: AgentRegistry,
  { served, secrets: { redact } }: { served: Served; secrets: Pick<Secrets, 'redact'> },
  authorize: boolean,
) {
  /** Prepares a call again whose input an approver has changed, or on another worker. */
  return async function prepareOneCall(args: PrepareCallArgs): Promise<PreparedCall> {
    const { call, missing, edited } = args;
    const turnId = activityInfo().workflowExecution?.workflowId ?? '';
    const agent = await served.withPinned(registeredAgent(registry, args.agent), args.spec);
    // What a person has written is not what the model's JSON says.
    if (missing === undefined) {
      const again = await prepareCall(agent, withoutTexts(call), { redact });
      return await withSession(agent, call, again, { ...edited, turnId, redact });
    }
    if (agent.tools.has(call.name)) {
      return await prepareNewCall(agent, call, { ...missing, turnId, authorize, log, redact });
    }
    const message = toolGoneText(call.name);
    if (activityInfo().attempt >= TOOL_LOOKUPS) return { type: 'invalid', message };
    // While a new version rolls out, workers of both serve the queue.
    throw ApplicationFailure.create({
      message,
      type: TOOL_NOT_REGISTERED,
      nextRetryDelay: TOOL_LOOKUP_DELAY,
    });
  };
}

/** Also decides whether a person must be asked. */
async function prepareNewCall(
  agent: AgentDefinition,
  call: ToolUse,
  circumstances: Circumstances,
): Promise<PreparedCall> {
  const preparation = await prepareCall(agent, call, circumstances);
  const { tool, input } = preparation;
  const prepared = await withSession(agent, call, preparation, circumstances);
  if (prepared.type === 'invalid' || tool === undefined) return prepared;
  const approval = await needsApproval(agent, { tool, input, callId: call.id }, circumstances);
  if (!approval) return prepared;
  return isCalledByCode(call)
    ? { type: 'invalid', message: CODE_CANNOT_WAIT_FOR_APPROVAL }
    : {
        ...prepared,
        approval: true,
        ...(circumstances.authorize === true ? { authorize: true } : {}),
      };
}

interface Preparation {
  tool?: Tool;
  /** What the schema made of the input. */
  input?: unknown;
  prepared: PreparedCall;
}

/** All but whether a person must be asked. */
export async function prepareCall(
  agent: AgentDefinition,
  call: ToolUse,
  { log, redact = (text) => text }: Pick<Circumstances, 'log' | 'redact'> = {},
): Promise<Preparation> {
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
  if (!parsed.ok) {
    const problem = redact(parsed.problem);
    return invalid(inputProblemText(call.name, { ...parsed, problem }), action);
  }
  const access = action ?? (await accessInTime(tool.access, parsed.value));
  return {
    tool,
    input: parsed.value,
    prepared: {
      type: 'ready',
      summary: agent.summaries
        ? await summaryOf(tool, call.input, parsed.value, { log, redact })
        : '',
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

/** Of a sub-agent with a memory: with the session that the call goes to, in call order with others of this session. */
async function withSession(
  agent: AgentDefinition,
  call: ToolUse,
  { tool, input, prepared }: Preparation,
  { context, redact = (text) => text, ...circumstances }: Circumstances,
): Promise<PreparedCall> {
  const session = tool?.subAgent?.session;
  if (session === undefined || prepared.type === 'invalid') return prepared;
  try {
    const parsed = await agent.parseContext(context);
    const about = callContext(agent, call.id, circumstances);
    const id = await inTime(() => session(input, { ...about, context: parsed }));
    const problem = findNewSessionIdProblem(id);
    if (problem !== undefined) throw new Error(`its id ${problem}`);
    const access = { inOrder: [canonicalJson({ session: id })] };
    return { ...prepared, session: id as string, access };
  } catch (error) {
    return { type: 'invalid', message: noSessionText(call.name, redact(causeChain(error))) };
  }
}

/** Which call it is, and for whom, as functions of a declaration get it. */
function callContext(
  { name }: AgentDefinition,
  callId: string,
  { turnId, user, sessionId }: Pick<Circumstances, 'turnId' | 'user' | 'sessionId'>,
) {
  return { turnId, callId, agent: name, ...defined({ user, sessionId }) };
}

/** Only a clear no lets a call run unseen: a function that throws, or does not answer, asks. */
async function needsApproval(
  agent: AgentDefinition,
  { tool, input, callId }: { tool: Tool; input: unknown; callId: string },
  { context, log, redact = (text) => text, ...circumstances }: Circumstances,
): Promise<boolean> {
  const { name, approval } = tool;
  if (approval === 'never') return false;
  if (approval === 'always') return true;
  try {
    const parsed = await agent.parseContext(context);
    const about = callContext(agent, callId, circumstances);
    return (await inTime(() => approval(input, { ...about, context: parsed }))) !== false;
  } catch (error) {
    const problem = redact(causeChain(error));
    log?.warn(`The approval function of ${name} failed, so a person is asked`, { problem });
    return true;
  }
}

const MAX_SUMMARY = 120;

/** Empty where nothing is to be shown, or where the tool's own function does not say what. */
async function summaryOf(
  { name, summary }: Tool,
  written: unknown,
  input: unknown,
  { log, redact }: { log: Circumstances['log']; redact: Secrets['redact'] },
): Promise<string> {
  if (summary === false) return '';
  if (summary === undefined) return summarize(written);
  try {
    const text = await inTime(() => summary(input));
    if (typeof text === 'string') return shorten(lineOf(text).trim().toWellFormed(), MAX_SUMMARY);
    log?.warn(`The summary function of ${name} returned no text, so nothing is shown of the call`);
  } catch (error) {
    const problem = redact(causeChain(error));
    log?.warn(`The summary function of ${name} failed, so nothing is shown of the call`, {
      problem,
    });
  }
  return '';
}

/** The arguments in a line: `customer_id: 1234, plan: pro`. */
export function summarize(input: unknown): string {
  if (!isRecord(input)) return '';
  let summary = '';
  for (const [key, value] of Object.entries(input)) {
    if (summary.length > MAX_SUMMARY) break;
    summary += `${summary === '' ? '' : ', '}${key}: ${shorten(lineOf(value), 40)}`;
  }
  return shorten(summary, MAX_SUMMARY);
}

function lineOf(value: unknown): string {
  // Of a text of megabytes, what is shown stands at the beginning.
  return (typeof value === 'string' ? value : jsonOf(value))
    .slice(0, 1_000)
    .replaceAll(/[\t\n\v\f\r ]+/g, ' ');
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // It is nested too deeply.
    return '…';
  }
}

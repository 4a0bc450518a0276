import { Context } from '@temporalio/activity';
import type { Logger } from '@temporalio/common';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { LoggerWithComposedMetadata } from '@temporalio/common/lib/logger.js';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import { duration } from '../../agents/check-options.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { Tool, ToolContext } from '../../agents/define-tool.ts';
import { AsksPerson, mayAsk } from '../../agents/served-tools.ts';
import { isToolError, ToolError } from '../../agents/tool-error.ts';
import { resultProblem } from '../../core/calls/origin.ts';
import type { AskedQuestion, CallQuestions } from '../../core/calls/question.ts';
import {
  inputProblemText,
  inputRequiredText,
  LOCAL_CANNOT_WAIT_FOR_COMPLETION,
  TOO_LARGE_LOCALLY,
  toolMissingHereText,
} from '../../core/calls/texts.ts';
import type { LocalCall, ToolCallArgs, ToolReturn } from '../../core/calls/tool-call.ts';
import type { AttemptReport } from '../../core/failures.ts';
import {
  causeChain,
  INVALID_TOOL_INPUT,
  INVALID_TOOL_RESULT,
  isErrorValue,
  kindOf,
  NO_LOCAL_ROOM,
  TOOL_NOT_REGISTERED,
} from '../../core/failures.ts';
import { defined, jsonBytes, shorten } from '../../core/json.ts';
import { measured, record } from '../../core/metrics.ts';
import { READ_RESULT } from '../../core/names.ts';
import type { Traces } from '../../core/trace/traces.ts';
import type { Secrets } from '../model/secrets.ts';
import { queueSeconds } from '../queue-seconds.ts';
import type { TranscriptStore } from '../transcript/store.ts';
import { registeredAgent } from '../turn/pin-agent.ts';
import type { Served } from '../turn/served.ts';
import type { AbandonedTool, ToolAttempt } from './attempt.ts';
import { beginAttempt } from './attempt.ts';
import type { EarlyRun, EarlyRuns } from './early-runs.ts';
import { earlyCall } from './early-runs.ts';
import { LocalRoom } from './local-room.ts';
import { LostTasks } from './lost-tasks.ts';
import { isReadResult } from './read-result.ts';
import { redactJson, stackText } from './redact.ts';
import type { PresentedResult } from './result.ts';
import { InvalidToolResultError, presentResult } from './result.ts';
import type { RunningCall } from './tool-context.ts';
import { AsyncCompletion, toolContext } from './tool-context.ts';
import { withinCall } from './within-call.ts';

/** In characters. Temporal does not take failures of some megabytes, and the server cuts their texts at 4 KB. */
const MAX_MESSAGE = 3_000;

interface Running {
  /** Whether the worker has an `authorizeDecision`. */
  authorizes: boolean;
  traces: Traces | undefined;
  abandoned: Set<AbandonedTool>;
  earlyRuns: EarlyRuns;
  served: Served;
}

export function createRunTool(
  registry: AgentRegistry,
  store: TranscriptStore,
  { abandoned, authorizes, earlyRuns, served, traces }: Running,
  secrets: Secrets,
) {
  const localRoom = new LocalRoom();
  const lostTasks = new LostTasks();
  /**
   * The one function behind every tool's activity type and behind local calls. It finds the tool by agent and
   * name, parses the input, runs the tool, and ends in a way that says whether it may run again.
   */
  return async function runTool(input: unknown, args: ToolCallArgs): Promise<ToolReturn> {
    const activity = Context.current();
    const call = callOf(activity, args);
    const { callId } = call;
    const waited = queueSeconds(activity);
    const tool = await registeredTool(registry, served, args, call.tool);
    if (args.local !== undefined) await lostTasks.reject(activity);
    else {
      const of = { agent: args.agent, tool: tool.name };
      record(activity.metricMeter, measured('plait_call_queue_seconds', waited, of));
    }
    const early = takeEarlyRun(activity, earlyRuns, call, { input, args });
    const begin =
      early === undefined
        ? await prepareRun(activity, registry, tool, { input, args, secrets, traces })
        : (joining: ToolAttempt) => early.join(joining);
    const attempt = await beginAttempt(activity, {
      repeatable: tool.policy.repeatable,
      abandoned,
      secrets,
      before: args.earlier,
      early,
      local: args.local,
    });
    try {
      const value = await attempt.race(begin(attempt));
      if (value instanceof AsyncCompletion) {
        const { key, timeout } = value;
        return { type: 'later', later: { key, timeout }, ...attempt.report() };
      }
      if (value instanceof AsksPerson) {
        const asks = questionsOf(value, { args, authorizes, secrets });
        return { type: 'asks', asks, ...attempt.report() };
      }
      // JSON would turn an error into `{}`, and nobody returns one for a success.
      if (isErrorValue(value)) throw value;
      const presented = await present(value, { registry, tool, store, secrets, callId, args });
      if (args.local !== undefined) {
        const bytes = jsonBytes(presented.content);
        const fits = localRoom.takeResult(activity, args, bytes, store.hasStorage);
        if (!fits) throw tooLargeLocally(attempt);
      }
      return { type: 'result', ...presented, ...attempt.report() };
    } catch (error) {
      const interruption = attempt.interruption();
      if (interruption !== undefined) throw interruption;
      if (isTooLargeLocally(error)) throw error;
      logStack(error, activity, { secrets, args });
      const report = attempt.failureReport(nextRetryDelay(error));
      if (report.local !== undefined) {
        const bytes = jsonBytes(report.local.details);
        if (!localRoom.takeFailure(activity, args, bytes)) throw tooLargeLocally(attempt);
      }
      throw toolFailure(error, tool, { report, secrets });
    } finally {
      attempt.end();
    }
  };
}

/** As the workflow keeps them. Code in a sandbox cannot wait for a person. */
function questionsOf(
  { asks }: AsksPerson,
  { args, authorizes, secrets }: { args: ToolCallArgs; authorizes: boolean; secrets: Secrets },
): CallQuestions {
  const { questions, state } = asks;
  const [first] = questions;
  if (args.mayAsk !== true || first === undefined) {
    const messages = questions.map(({ question }) => question.message);
    const text = inputRequiredText(first?.question.server ?? '', messages);
    throw new ToolError(text, { retryable: false });
  }
  return {
    questions: redactJson(questions, secrets.redactOwn) as AskedQuestion[],
    ...defined({ state }),
    ...(authorizes ? { authorize: true } : {}),
  };
}

interface PresentedCall {
  registry: AgentRegistry;
  tool: Tool;
  store: TranscriptStore;
  secrets: Secrets;
  callId: string;
  args: ToolCallArgs;
}

/** What the model sees of a value, under the limits of the tool and of the batch. */
export async function present(
  value: unknown,
  { registry, tool, store, secrets, callId, args }: PresentedCall,
): Promise<PresentedResult> {
  const presented = await presentResult(value, {
    callId,
    maxResultBytes: tool.maxResultBytes,
    payloadLimit: args.maxResultBytes,
    textLimit: args.maxTextBytes,
    redact: secrets.redactOwn,
    store: mayBeKept(registeredAgent(registry, args.agent), tool)
      ? store
      : { ...store, hasStorage: false },
  });
  const problem = resultProblem(args, presented.content);
  if (problem !== undefined) throw new InvalidToolResultError(problem);
  return presented;
}

/** Keeps the rest of a cut text for the model to read. A page of `read_result` is not kept again. */
function mayBeKept(agent: AgentDefinition, tool: Tool): boolean {
  const offered = agent.tools.get(READ_RESULT);
  return offered !== undefined && isReadResult(offered) && offered !== tool;
}

/** May be retried: another worker of the queue may have the tool, and nothing has begun. */
export async function registeredTool(
  registry: AgentRegistry,
  served: Served,
  { agent: agentName, spec }: Pick<ToolCallArgs, 'agent' | 'spec'>,
  toolName: string,
): Promise<Tool> {
  const agent = await served.withPinned(registeredAgent(registry, agentName), spec);
  const tool = agent.tools.get(toolName);
  if (tool !== undefined) return tool;
  throw ApplicationFailure.create({
    message: toolMissingHereText(agent.name, toolName),
    type: TOOL_NOT_REGISTERED,
  });
}

/** The tool and the call. A local activity has a type and an id of its own, so they come from its arguments. */
function callOf(
  { info }: Context,
  { local }: Pick<ToolCallArgs, 'local'>,
): { tool: string; callId: string } {
  return local ?? { tool: info.activityType, callId: info.activityId };
}

/** The result or failure of a local attempt does not fit beside the others. */
function tooLargeLocally(attempt: ToolAttempt): ApplicationFailure {
  return ApplicationFailure.create({
    message: TOO_LARGE_LOCALLY,
    type: NO_LOCAL_ROOM,
    details: [attempt.report()],
    // Nothing went wrong, so the SDK need not warn.
    category: ApplicationFailureCategory.BENIGN,
  });
}

function isTooLargeLocally(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.type === NO_LOCAL_ROOM;
}

/** For the first attempt only: a later one must not get the result that an earlier one got. */
function takeEarlyRun(
  activity: Context,
  runs: EarlyRuns,
  { tool, callId }: { tool: string; callId: string },
  { input, args }: Pick<CallInput, 'input' | 'args'>,
): EarlyRun | undefined {
  const isFirst = args.earlier === undefined && args.answered === undefined;
  if (activity.info.attempt > 1 || !isFirst || runs.isEmpty) return undefined;
  const run = runs.find(earlyCall(activity, tool, input, args));
  run?.take(callId);
  return run;
}

interface CallInput {
  input: unknown;
  args: ToolCallArgs;
  secrets: Secrets;
}

/** Parses the arguments of the tool. The returned function calls it. */
async function prepareRun(
  activity: Context,
  registry: AgentRegistry,
  tool: Tool,
  { input, args, secrets, traces }: CallInput & { traces: Traces | undefined },
): Promise<(attempt: ToolAttempt) => Promise<unknown>> {
  const parsing = parse(registry, tool, input, args);
  const [parsedInput, context] = await parsing.catch((error: unknown) => {
    throw notBegun(error, activity, { secrets, args });
  });
  return async (attempt) => {
    const call = runningCall(activity, attempt, { tool, args });
    const ctx = toolContext(call, { input, args, context, secrets });
    const about = { callId: call.callId, trace: args.trace };
    return await withinCall(traces, activity, about, () => start(tool, parsedInput, ctx, args));
  };
}

function runningCall(
  activity: Context,
  attempt: ToolAttempt,
  { tool, args }: { tool: Tool; args: ToolCallArgs },
): RunningCall {
  const { info, log } = activity;
  return {
    turnId: info.workflowExecution?.workflowId ?? '',
    ...callOf(activity, args),
    attempt: attempt.report().attempt,
    get signal() {
      return attempt.signal;
    },
    heartbeatDetails: attempt.heartbeatDetails,
    heartbeat: (details) => attempt.heartbeat(details),
    log: args.local === undefined ? log : logOf(log, args.local),
    ...(tool.policy.execution === 'local' ? { rejectLater } : {}),
  };
}

/** Thrown where such a call runs as an ordinary activity, too: its tool must not depend on that. */
function rejectLater(): void {
  throw new ToolError(LOCAL_CANNOT_WAIT_FOR_COMPLETION, { retryable: false });
}

/** Each line names its call, as it would in an activity of the call. */
function logOf(log: Logger, { tool, callId }: LocalCall): Logger {
  return LoggerWithComposedMetadata.compose(log, { activityType: tool, activityId: callId });
}

async function parse(
  registry: AgentRegistry,
  tool: Tool,
  input: unknown,
  args: ToolCallArgs,
): Promise<[input: unknown, context: unknown]> {
  const parsed = await tool.parse(input);
  if (!parsed.ok) {
    throw ApplicationFailure.create({
      message: inputProblemText(tool.name, parsed),
      type: INVALID_TOOL_INPUT,
      // The input was checked with the reply; if the check timed out now, this worker is busy.
      nonRetryable: parsed.givenUpAfter === undefined,
    });
  }
  return [parsed.value, await registeredAgent(registry, args.agent).parseContext(args.context)];
}

/** Async, so that a tool that throws before its first await fails like any other. */
async function start(
  tool: Tool,
  input: unknown,
  ctx: ToolContext,
  { stored, answered }: Pick<ToolCallArgs, 'stored' | 'answered'>,
): Promise<unknown> {
  if (mayAsk(tool)) return await tool.runAnswered(input, ctx, answered);
  return await (isReadResult(tool) ? tool.runStored(input, stored) : tool.run(input, ctx));
}

/** For the author of the tool: the model and history get only the texts of the errors. */
function logStack(
  error: unknown,
  activity: Context,
  { secrets, args }: Pick<CallInput, 'secrets' | 'args'>,
): void {
  const { log, info } = activity;
  const { tool, callId } = callOf(activity, args);
  log.warn('A tool failed', {
    // Not `activity`, which marks the tool's own lines.
    sdkComponent: 'plait',
    tool,
    turnId: info.workflowExecution?.workflowId,
    callId,
    attempt: info.attempt,
    error: stackText(error, secrets.redact),
  });
}

/** A schema or a context check of the agent threw. May be retried: nothing has begun. */
function notBegun(
  error: unknown,
  activity: Context,
  { secrets, args }: Pick<CallInput, 'secrets' | 'args'>,
): ApplicationFailure {
  const isOwn = error instanceof ApplicationFailure;
  if (!isOwn) logStack(error, activity, { secrets, args });
  return ApplicationFailure.create({
    message: failureText(error, secrets),
    type: errorName(error),
    nonRetryable: isOwn && error.nonRetryable === true,
    ...defined({ nextRetryDelay: nextRetryDelay(error) }),
  });
}

function failureText(error: unknown, secrets: Secrets): string {
  return shorten(secrets.redact(causeChain(error)).toWellFormed(), MAX_MESSAGE);
}

/** Once a tool that is not repeatable has begun, every exit is final. */
function toolFailure(
  error: unknown,
  tool: Tool,
  { report, secrets }: { report: AttemptReport; secrets: Secrets },
): ApplicationFailure {
  const final = !tool.policy.repeatable || isFinal(error);
  const delay = nextRetryDelay(error);
  return ApplicationFailure.create({
    message: failureText(error, secrets),
    type:
      error instanceof InvalidToolResultError
        ? INVALID_TOOL_RESULT
        : secrets.redact(errorName(error)),
    nonRetryable: final,
    details: [report],
    ...(delay === undefined || final ? {} : { nextRetryDelay: delay }),
  });
}

function isFinal(error: unknown): boolean {
  if (error instanceof InvalidToolResultError) return true;
  if (isToolError(error)) return !error.retryable;
  return error instanceof ApplicationFailure && error.nonRetryable === true;
}

/** In milliseconds. An invalid delay is ignored, so that the original error is not hidden. */
function nextRetryDelay(error: unknown): number | undefined {
  const asked = isToolError(error) || error instanceof ApplicationFailure;
  const parsed = duration.safeParse(asked ? error.nextRetryDelay : undefined);
  return parsed.success ? parsed.data : undefined;
}

function errorName(error: unknown): string {
  if (error instanceof ApplicationFailure) return error.type ?? 'ApplicationFailure';
  return isErrorValue(error) ? kindOf(error) : typeof error;
}

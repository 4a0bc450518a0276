import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentRegistry } from '../../agents/agent-registry.ts';
import { duration } from '../../agents/check-options.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { Tool, ToolContext } from '../../agents/define-tool.ts';
import { isToolError } from '../../agents/tool-error.ts';
import { resultProblem } from '../../core/calls/origin.ts';
import type { StoredResult } from '../../core/calls/outcome.ts';
import { inputProblemText, toolMissingHereText } from '../../core/calls/texts.ts';
import type { ToolCallArgs, ToolReturn } from '../../core/calls/tool-call.ts';
import type { AttemptReport } from '../../core/failures.ts';
import {
  causeChain,
  INVALID_TOOL_INPUT,
  INVALID_TOOL_RESULT,
  TOOL_NOT_REGISTERED,
} from '../../core/failures.ts';
import { shorten } from '../../core/json.ts';
import { READ_RESULT } from '../../core/names.ts';
import type { TranscriptStore } from '../transcript/store.ts';
import { registeredAgent } from '../turn/pin-agent.ts';
import type { AbandonedTool } from './attempt.ts';
import { beginAttempt } from './attempt.ts';
import { isReadResult } from './read-result.ts';
import type { PresentedResult } from './result.ts';
import { InvalidToolResultError, presentResult } from './result.ts';
import { AsyncCompletion, toolContext } from './tool-context.ts';

/** Temporal does not take failures of some megabytes, and the server cuts their texts at 4 KB. */
const MAX_MESSAGE = 3_000;

export function createRunTool(
  registry: AgentRegistry,
  store: TranscriptStore,
  abandoned: Set<AbandonedTool>,
) {
  /**
   * The one function behind every tool's activity type: finds the tool by agent and name, parses the
   * input, runs it, and ends in a way that says whether it may be run again.
   */
  return async function runTool(input: unknown, args: ToolCallArgs): Promise<ToolReturn> {
    const activity = Context.current();
    const tool = registeredTool(registry, args.agent, activity.info.activityType);
    const [parsedInput, context] = await parse(registry, tool, input, args);
    const attempt = await beginAttempt(activity, tool.policy.repeatable, abandoned);
    try {
      const ctx = toolContext(activity, attempt, { input, args, context });
      const value = await attempt.race(start(tool, parsedInput, ctx, args.stored));
      if (value instanceof AsyncCompletion) {
        const { key, timeout } = value;
        return { type: 'later', later: { key, timeout }, ...attempt.report() };
      }
      const callId = activity.info.activityId;
      const presented = await present(value, { registry, tool, store, callId, args });
      return { type: 'result', ...presented, ...attempt.report() };
    } catch (error) {
      throw attempt.interruption() ?? toolFailure(error, tool, attempt.report());
    } finally {
      attempt.end();
    }
  };
}

interface PresentedCall {
  registry: AgentRegistry;
  tool: Tool;
  store: TranscriptStore;
  callId: string;
  args: ToolCallArgs;
}

/** What the model sees of a value, under the limits of the tool and of the batch. */
export async function present(
  value: unknown,
  { registry, tool, store, callId, args }: PresentedCall,
): Promise<PresentedResult> {
  const presented = await presentResult(value, {
    callId,
    maxResultBytes: tool.maxResultBytes,
    payloadLimit: args.maxResultBytes,
    textLimit: args.maxTextBytes,
    store: mayBeKept(registeredAgent(registry, args.agent), tool)
      ? store
      : { ...store, hasStorage: false },
  });
  const problem = resultProblem(args, presented.content);
  if (problem !== undefined) throw new InvalidToolResultError(problem);
  return presented;
}

/** The rest is kept where the model can read it. A page of `read_result` is not kept once more. */
function mayBeKept(agent: AgentDefinition, tool: Tool): boolean {
  const offered = agent.tools.get(READ_RESULT);
  return offered !== undefined && isReadResult(offered) && offered !== tool;
}

/** Another worker of the queue may have the tool, and nothing has begun, so the failure may be retried. */
export function registeredTool(registry: AgentRegistry, agentName: string, toolName: string): Tool {
  const agent = registeredAgent(registry, agentName);
  const tool = agent.tools.get(toolName);
  if (tool !== undefined) return tool;
  throw ApplicationFailure.create({
    message: toolMissingHereText(agent.name, toolName),
    type: TOOL_NOT_REGISTERED,
  });
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
      // The input was checked with the reply: this worker has no time just now.
      nonRetryable: parsed.givenUpAfter === undefined,
    });
  }
  return [parsed.value, await registeredAgent(registry, args.agent).parseContext(args.context)];
}

/** A tool that throws before its first await fails like any other. */
async function start(
  tool: Tool,
  input: unknown,
  ctx: ToolContext,
  stored: StoredResult | undefined,
): Promise<unknown> {
  return await (isReadResult(tool) ? tool.runStored(input, stored) : tool.run(input, ctx));
}

/** Once a tool that is not repeatable has begun, every exit is final. */
function toolFailure(error: unknown, tool: Tool, report: AttemptReport): ApplicationFailure {
  const final = !tool.policy.repeatable || isFinal(error);
  const delay = nextRetryDelay(error);
  return ApplicationFailure.create({
    message: shorten(causeChain(error).toWellFormed(), MAX_MESSAGE),
    type: error instanceof InvalidToolResultError ? INVALID_TOOL_RESULT : errorName(error),
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
  return error instanceof Error ? error.name : typeof error;
}

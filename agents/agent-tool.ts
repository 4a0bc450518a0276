import { z } from 'zod';
import { toolPolicy } from '../core/calls/tool-policy.ts';
import { DEFAULT_RESULT_BYTES } from '../core/conversation/cut-result.ts';
import { defined } from '../core/json.ts';
import type { Duration } from './check-options.ts';
import {
  callable,
  checkOptions,
  declaring,
  duration,
  halfProblems,
  queueName,
  someText,
  wholeNumber,
  wrongOptions,
} from './check-options.ts';
import { DeclarationError } from './declaration-error.ts';
import type { Agent, AgentDefinition } from './define-agent.ts';
import { isAgent } from './define-agent.ts';
import type { ApprovalContext, SubAgent, Tool, ToolOptions } from './define-tool.ts';
import { toolDescription, toolName, toolSettings } from './define-tool.ts';
import type { InputOf, InputSchema } from './input-schema.ts';
import { compileSchema } from './input-schema.ts';
import type { OutputOption } from './output-schema.ts';
import { compileOutput } from './output-schema.ts';

/** What `agentTool` takes beside the agent. */
export interface AgentToolOptions<Schema extends InputSchema, Context> extends Pick<
  ToolOptions<Schema, Context>,
  'approval' | 'approvalTimeout' | 'concurrency' | 'maxResultBytes' | 'summary'
> {
  /** As the calling model knows it: 1 to 64 letters, digits, `_` and `-`. @default that of the agent, with `_` for `.` */
  name?: string;
  /** What the agent does, when to ask it, and what it answers. The calling model chooses by this text. */
  description: string;
  /**
   * What the calling model writes: a zod schema or a JSON Schema of an object. The agent's message is the input
   * as JSON. @default `{ prompt: string }`, whose text is the message
   */
  input?: Schema;
  /** What the agent must answer, instead of its own `output`: a zod schema of an object, or a JSON Schema. @default its own */
  output?: OutputOption;
  /**
   * When the calling model goes on. `wait`: when the answer is there. `background`: at once; it reads that the
   * agent is at work, and gets the answer later: see `backgroundAtEnd` of `defineAgent`. @default 'wait'
   */
  mode?: 'wait' | 'background';
  /**
   * Gives the agent a memory: the id of the session whose next turn a call becomes, of 1 to 200 characters. The
   * first call with an id begins the session, which outlives the call: later calls, also of other turns, go on in
   * the same conversation. Calls of one session run one after the other. A worker calls the function when the
   * model's reply is there; it must return the same for the same call. If it throws, blocks the process for
   * 100 ms, does not answer within 10 seconds, or returns no id, the model reads that the agent did not run.
   *
   * A session takes only calls of turns with its own `user`. If users belong to tenants, put the tenant into the
   * id, from `ctx.context`: the model has written the input. Not together with `output`.
   * @default none: each call begins with an empty conversation
   */
  session?: (input: InputOf<Schema>, ctx: ApprovalContext<Context>) => string | Promise<string>;
  /**
   * What each turn of the agent may spend, beside its own limits. It is reserved from what is left of the
   * calling turn's limits, and what is not used goes back.
   * @default for tokens, dollars and tool calls that the calling turn limits, an equal share of what is left
   */
  limits?: {
    rounds?: number;
    toolCalls?: number;
    inputTokens?: number;
    outputTokens?: number;
    costUSD?: number;
    wallTime?: Duration;
  };
  /**
   * Where its turns run. Other workers must serve this queue, with the agent among theirs.
   * @default the task queue of the calling turn, whose workers have the agent by themselves
   */
  taskQueue?: string;
}

/** Tokens and dollars must be above 0: without any, a turn could do nothing. */
const some = wholeNumber(1).optional();
const DOLLARS = 'must be a number of US dollars above 0';

const agentToolOptions = z.strictObject({
  name: toolName.optional(),
  description: toolDescription,
  input: z
    .custom<InputSchema>(
      (value) => typeof value === 'object' && value !== null,
      'must be a zod schema or a JSON Schema',
    )
    .optional(),
  output: z
    .custom<OutputOption>(
      (value) => typeof value === 'object' && value !== null,
      'must be a zod 4 schema or a JSON Schema',
    )
    .optional(),
  mode: z.enum(['wait', 'background']).optional(),
  session: callable(
    z.custom<NonNullable<SubAgent['session']>>(
      (value) => typeof value === 'function',
      'must be a function that returns the id of a session',
    ),
  ).optional(),
  limits: z
    .strictObject({
      rounds: some,
      toolCalls: wholeNumber(0).optional(),
      inputTokens: some,
      outputTokens: some,
      costUSD: z.number(DOLLARS).positive(DOLLARS).optional(),
      wallTime: duration.optional(),
    })
    .optional(),
  approval: toolSettings.approval,
  approvalTimeout: toolSettings.approvalTimeout,
  concurrency: toolSettings.concurrency,
  maxResultBytes: toolSettings.maxResultBytes,
  summary: toolSettings.summary,
  taskQueue: queueName.optional(),
});

const PROMPT = 'prompt';

const promptSchema = z.object({
  [PROMPT]: someText('say what the agent is to do').describe(
    'What the agent is to do. It knows nothing of this conversation: say all that it needs.',
  ),
});

/**
 * Makes an agent a tool of other agents. Each call runs a turn of the agent: a workflow with a conversation of
 * its own, of which the calling model reads only the answer. Several can run at once. What they use is in the
 * result of the calling turn. They get the `context` of that turn.
 *
 * Throws a `DeclarationError` that names every mistake.
 *
 * @example
 * const lead = defineAgent({
 *   name: 'lead',
 *   model: 'claude-opus-5-5',
 *   tools: [agentTool(researcher, { description: 'Researches one question on the web.' })],
 * });
 */
export function agentTool<Context = unknown, Schema extends InputSchema = typeof promptSchema>(
  agent: Agent<Context>,
  options: AgentToolOptions<Schema, Context>,
): Tool<Context> {
  if (!isAgent(agent)) {
    throw new DeclarationError('agentTool: the agent must be what defineAgent returns');
  }
  const subject = `agentTool(${JSON.stringify(agent.name)})`;
  return declaring(subject, () => {
    const checked = checkOptions(subject, agentToolOptions, options);
    const { description, approvalTimeout, concurrency } = checked;
    const { approval = 'never', maxResultBytes = DEFAULT_RESULT_BYTES } = checked;
    const { name = agent.name.replaceAll('.', '_') } = checked;
    const input: InputSchema = checked.input ?? promptSchema;
    const { jsonSchema, parse } = compileSchema(subject, input);
    const output =
      checked.output === undefined ? undefined : compileOutput(subject, checked.output);
    const outputSchema = output?.config.format.schema;
    const problems = [
      ...halfProblems({ description, input: jsonSchema, output: outputSchema }),
      ...(checked.limits?.costUSD !== undefined && agent.prices === undefined
        ? [`limits.costUSD needs prices, and agent ${agent.name} has none`]
        : []),
      ...(checked.session !== undefined && output !== undefined
        ? [
            `output cannot be given together with session, since a session keeps the agent as it is: give output to agent ${agent.name} itself`,
          ]
        : []),
    ];
    if (problems.length > 0) throw wrongOptions(subject, problems);
    // The tools of a server are known only when a turn begins.
    const repeatable =
      agent.servers === undefined &&
      [...agent.tools.values()].every(({ policy }) => policy.repeatable);
    return {
      name,
      spec: { name, description, input_schema: jsonSchema },
      annotations: {},
      policy: toolPolicy(repeatable, defined({ concurrency, approvalTimeout })),
      access: undefined,
      startCallsEarly: false,
      approval,
      maxResultBytes,
      summary: checked.summary,
      parse,
      run: () => {
        // Runs only in a workflow of an earlier version, which schedules an activity; today's workflow starts
        // the turn.
        throw new Error(
          `Agent ${agent.name} did not run: the worker of this turn has an older version of Plait, without agentTool. Update it.`,
        );
      },
      subAgent: {
        spec: {
          agent: agent.name,
          ...(checked.input === undefined ? { field: PROMPT } : {}),
          ...defined({
            output: outputSchema,
            limits: checked.limits === undefined ? undefined : defined(checked.limits),
            taskQueue: checked.taskQueue,
            mode: checked.mode === 'background' ? checked.mode : undefined,
            session: checked.session === undefined ? undefined : (true as const),
          }),
          maxResultBytes,
          ...(agent.summaries ? {} : { summaries: false }),
        },
        definition: agent,
        hasPrices: agent.prices !== undefined,
        levels: 1 + levelsBelow(agent),
        ...defined({ session: checked.session }),
      },
    };
  });
}

/** How many levels of sub-agents the agent's declaration has. */
function levelsBelow({ tools }: Pick<AgentDefinition, 'tools'>): number {
  return Math.max(0, ...[...tools.values()].map(({ subAgent }) => subAgent?.levels ?? 0));
}

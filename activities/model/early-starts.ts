import type { Context } from '@temporalio/activity';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import type { Tool } from '../../agents/define-tool.ts';
import { mayStartEarly, mayToolStartEarly } from '../../core/calls/early-start.ts';
import { commandBytes, Limiter, MAX_OPEN_BYTES } from '../../core/calls/limiter.ts';
import { occurrences } from '../../core/calls/occurrences.ts';
import type { Access } from '../../core/calls/order.ts';
import { originOf } from '../../core/calls/origin.ts';
import type { MissingCall, PreparedCall } from '../../core/calls/prepared-call.ts';
import type { ReplyBlock, ToolUse } from '../../core/conversation/messages.ts';
import type { ModelCallArgs } from '../../core/conversation/model-call.ts';
import { toolCalls } from '../../core/conversation/toolsets.ts';
import { jsonBytes } from '../../core/json.ts';
import { measured, record } from '../../core/metrics.ts';
import { callsBeforeEnd, tighter } from '../../core/turn/budget.ts';
import type { Prices } from '../../core/turn/prices.ts';
import type { EarlyCall, EarlyRun, EarlyRuns } from '../tools/early-runs.ts';
import { earlyCall } from '../tools/early-runs.ts';
import { prepareCall } from '../tools/prepare-calls.ts';
import { redactJson } from '../tools/redact.ts';
import { withinCall } from '../tools/within-call.ts';
import { toolContext } from '../tools/tool-context.ts';
import type { ReplyAssembly } from './assemble-reply.ts';
import type { Traces } from '../../core/trace/traces.ts';
import type { Secrets } from './secrets.ts';

/** Most calls of one reply that start early. The others start when it is whole. */
const MAX_CALLS = 32;

/** Starts calls of a reply while it comes. */
export interface EarlyStarts {
  /** A block has come whole. */
  readonly onBlock: (reply: ReplyAssembly) => void;
  /** The reply is whole and valid, and these of its calls run. Early runs of its other calls end. */
  readonly keep: (
    calls: readonly ToolUse[],
    prepared: readonly (PreparedCall | MissingCall)[],
  ) => void;
  /** Call it when the activity ends. It ends every run that was not kept. */
  readonly end: () => void;
}

const NONE: EarlyStarts = { onBlock: () => undefined, keep: () => undefined, end: () => undefined };

interface Asking {
  agent: AgentDefinition;
  args: ModelCallArgs;
  secrets: Secrets;
  traces: Traces | undefined;
}

export function earlyStarts(activity: Context, runs: EarlyRuns, asking: Asking): EarlyStarts {
  // A call of the attempt before may have crashed its worker, and each reply costs money. So calls of later
  // attempts start only with the committed reply, where a lost worker is counted.
  const limits = activity.info.attempt === 1 ? limitsOf(runs, asking) : undefined;
  return limits === undefined ? NONE : new ReplyCalls(activity, runs, asking, limits);
}

type Limits = NonNullable<NonNullable<ModelCallArgs['early']>['limits']>;

/** `undefined` where no call may start early. */
function limitsOf(runs: EarlyRuns, { agent, args }: Asking): Limits | undefined {
  const { early, begun } = args;
  // Where another queue asks the model, another worker probably runs the tools.
  const { startCallsEarly = runs.byDefault && agent.modelTaskQueue === undefined } = agent;
  if (early === undefined || !startCallsEarly) return undefined;
  if (![...agent.tools.values()].some(mayToolStartEarly)) return undefined;
  const { limits } = agent;
  const left = tighter(limits, begun?.limits ?? {});
  return early.limits ?? { left, concurrency: limits.concurrency };
}

/** What has come of one reply. */
interface Coming {
  blocks: ReplyBlock[];
  calls: ToolUse[];
  accesses: (Access | undefined)[];
  limiter: Limiter;
}

class ReplyCalls implements EarlyStarts {
  private readonly activity: Context;
  private readonly runs: EarlyRuns;
  private readonly asking: Asking;
  private readonly limits: Limits;
  private readonly maxTokens: number;
  private readonly prices: readonly Prices[];
  private readonly contextBytes: number;
  private readonly started = new Set<EarlyRun>();
  private reply: ReplyAssembly | undefined;
  private coming: Coming | undefined;
  /** Decides about calls one after the other, in call order. */
  private looked: Promise<void> = Promise.resolve();

  constructor(activity: Context, runs: EarlyRuns, asking: Asking, limits: Limits) {
    this.activity = activity;
    this.runs = runs;
    this.asking = asking;
    this.limits = limits;
    const { spec, prices, fallbackPrices = [] } = asking.agent;
    const { max_tokens: first, max_tokens_retry: retry = 0, fallbacks = [] } = spec;
    this.maxTokens = Math.max(first, retry, ...fallbacks.map((next) => next.max_tokens ?? 0));
    this.prices = [prices ?? [], ...fallbackPrices.map(([, price]) => price)].flat();
    this.contextBytes = jsonBytes(asking.args.context);
  }

  onBlock = (reply: ReplyAssembly): void => {
    const coming = this.comingOf(reply);
    while (reply.blocks.isComplete(coming.blocks.length)) {
      const block = reply.blocks.list[coming.blocks.length] as ReplyBlock;
      coming.blocks.push(block);
      for (const call of toolCalls([block])) {
        const most = { ...reply.usage, output_tokens: this.maxTokens };
        const limit = callsBeforeEnd(this.limits.left, most, this.prices);
        this.looked = this.looked.then(() => this.look(coming, call, limit)).catch(() => undefined);
      }
    }
  };

  keep = (calls: readonly ToolUse[], prepared: readonly (PreparedCall | MissingCall)[]): void => {
    this.coming = undefined;
    if (this.started.size === 0) return;
    const repeated = occurrences(calls);
    for (const [i, call] of calls.entries()) {
      const one = prepared[i];
      if (one?.type !== 'ready' || one.approval === true) continue;
      const run = this.runs.find(this.identify(call, repeated[i] ?? 0));
      if (run === undefined || !this.started.delete(run)) continue;
      run.keep();
    }
  };

  end = (): void => {
    this.coming = undefined;
    for (const run of this.started) run.end('The reply that asked for the call does not count.');
  };

  /** Starts over for another request, and where a gateway begins its reply again. */
  private comingOf(reply: ReplyAssembly): Coming {
    const last = (this.coming?.blocks.length ?? 0) - 1;
    const isSame = reply === this.reply && reply.blocks.list[last] === this.coming?.blocks[last];
    if (isSame && this.coming !== undefined) return this.coming;
    this.reply = reply;
    const { tools } = this.asking.agent;
    const callsOf = (tool: string) => tools.get(tool)?.policy.concurrency;
    const limiter = new Limiter({ calls: this.limits.concurrency, bytes: MAX_OPEN_BYTES, callsOf });
    this.coming = { blocks: [], calls: [], accesses: [], limiter };
    return this.coming;
  }

  private async look(coming: Coming, call: ToolUse, limit: number): Promise<void> {
    const { length } = coming.calls;
    if (coming !== this.coming || length >= Math.min(limit, MAX_CALLS)) return;
    const { agent, args } = this.asking;
    const tool = agent.tools.get(call.name);
    // A call that touches nothing holds up no other, so it need not be prepared.
    const isNeeded =
      mayToolStartEarly(tool) || tool?.access !== undefined || originOf(call).toolset !== undefined;
    const { input, prepared } = isNeeded
      ? // A copy: a tool may change its input, and what the model wrote goes back as it is.
        await prepareCall(agent, structuredClone(call))
      : { input: undefined, prepared: { type: 'invalid' as const, access: undefined } };
    let hasRoom = false;
    const bytes = commandBytes(call.input, this.contextBytes);
    coming.limiter.acquire({ tool: call.name, bytes }, () => (hasRoom = true));
    const { access } = prepared;
    const starts = mayStartEarly({
      origin: originOf(call),
      tool,
      // A reply with two calls of one id is invalid.
      valid: prepared.type === 'ready' && !coming.calls.some(({ id }) => id === call.id),
      access,
      before: coming.accesses,
      hasRoom,
    });
    coming.accesses.push(access);
    coming.calls.push(call);
    if (!starts || tool === undefined) return;
    const occurrence = occurrences(coming.calls).at(-1) ?? 0;
    const context = await agent.parseContext(structuredClone(args.context));
    if (coming !== this.coming) return;
    this.start(tool, call, { input, occurrence, context });
  }

  private start(
    tool: Tool,
    call: ToolUse,
    { input, occurrence, context }: { input: unknown; occurrence: number; context: unknown },
  ): void {
    const { agent, args, secrets, traces } = this.asking;
    const { log, metricMeter } = this.activity;
    const identified = this.identify(call, occurrence);
    const { round } = identified.identity;
    const options = {
      callId: call.id,
      log,
      timeLimit: tool.policy.startToCloseTimeout,
      clean: (details: unknown) => redactJson(details, secrets.redactOwn),
      left: (state: 'joined' | 'over') => {
        const result = state === 'joined' ? 'joined' : 'wasted';
        const of = { agent: agent.name, tool: tool.name, result };
        record(metricMeter, measured('plait_early_runs', 1, of));
      },
    };
    const about = { input: call.input, args: { ...args, round, occurrence }, context, secrets };
    const run = this.runs.start(identified, options, (running) =>
      withinCall(traces, this.activity, { callId: call.id, trace: args.trace }, () =>
        tool.run(input, toolContext(running, about)),
      ),
    );
    if (run !== undefined) this.started.add(run);
  }

  private identify({ name, input }: ToolUse, occurrence: number): EarlyCall {
    const { args } = this.asking;
    const round = args.early?.round ?? 0;
    return earlyCall(this.activity, name, input, { ...args, round, occurrence });
  }
}

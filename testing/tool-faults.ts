import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Agent } from '../agents/define-agent.ts';
import type { Tool, ToolContext } from '../agents/define-tool.ts';

/** One attempt of a call that is to go wrong. */
export interface FaultyAttempt {
  /** Parsed, as the tool would get it. */
  readonly input: unknown;
  readonly ctx: ToolContext;
  /** The tool itself. */
  readonly run: () => Promise<unknown>;
}

/**
 * What happens instead of the tool's `run`.
 *
 * Contract: decides by the attempt, its input and its idempotency key, and never by counting calls,
 * so that the same call meets the same fault on every worker and in every run of the test.
 */
export type ToolFault = (attempt: FaultyAttempt) => unknown;

/**
 * The same agent with tools that misbehave. Name, prompt, tools and policies stay as they are, so
 * nobody but the tools themselves can tell the difference.
 *
 * ```ts
 * const broken = withToolFaults(support, { get_orders: failTimes(2, 'connection refused') });
 * ```
 *
 * @throws TypeError when the agent has no tool of a name
 */
export function withToolFaults<Context>(
  agent: Agent<Context>,
  faults: Readonly<Record<string, ToolFault>>,
): Agent<Context> {
  const tools = new Map(agent.tools);
  for (const [name, fault] of Object.entries(faults)) {
    const tool = tools.get(name);
    if (tool === undefined) {
      const known = [...agent.tools.keys()].join(', ') || 'none';
      throw new TypeError(`withToolFaults: ${agent.name} has no tool ${name} (it has: ${known})`);
    }
    tools.set(name, faulty(tool, fault));
  }
  return { ...agent, tools };
}

function faulty(tool: Tool, fault: ToolFault): Tool {
  return {
    ...tool,
    run: (input, ctx) => fault({ input, ctx, run: async () => await tool.run(input, ctx) }),
  };
}

/** The first `count` attempts of every call meet the fault, later ones the tool. */
export function firstAttempts(count: number, fault: ToolFault): ToolFault {
  return (attempt) => (attempt.ctx.attempt <= count ? fault(attempt) : attempt.run());
}

/**
 * The first `count` attempts of every call throw, later ones work. A tool that is not safe to repeat
 * has one attempt only.
 */
export function failTimes(count: number, error: Error | string): ToolFault {
  return firstAttempts(count, alwaysFail(error));
}

/** Every attempt throws. Give a `ToolError` to say more than an ordinary error can. */
export function alwaysFail(error: Error | string): ToolFault {
  return () => Promise.reject(typeof error === 'string' ? new Error(error) : error);
}

/** Waits before the tool begins. */
export function delay(milliseconds: number): ToolFault {
  return async ({ ctx, run }) => {
    await sleep(milliseconds, undefined, { signal: ctx.signal });
    return await run();
  };
}

/** Never ends by itself, only when its signal aborts: on a timeout, a cancel or a shutdown. */
export function hang(): ToolFault {
  return ({ ctx: { signal } }) =>
    new Promise((_resolve, reject) => {
      const stop = () => reject(signal.reason as Error);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
}

/** A result that cannot be given to the model, or that says nothing. */
export function garbage(kind: 'oversized' | 'unserialisable' | 'nothing'): ToolFault {
  return () => {
    switch (kind) {
      case 'oversized':
        return 'x'.repeat(OVERSIZED_BYTES);
      case 'unserialisable':
        return { total: 1n };
      case 'nothing':
        return undefined;
    }
  };
}

/** Above the 2 MB that fit into one payload of Temporal's. */
const OVERSIZED_BYTES = 3_000_000;

/**
 * As if the worker died in the middle of the call, the tool's work not done: neither a heartbeat nor
 * a result comes any more, and the server notices when the tool's `heartbeatTimeout` (10 s by
 * default) is up. Every attempt dies so; see `firstAttempts`. The worker itself lives on.
 */
export function workerDies(): ToolFault {
  return async ({ ctx }) => {
    const activity = Context.current();
    const { heartbeat, info } = activity;
    // Plait's own heartbeats go through this very field.
    Object.assign(activity, { heartbeat: () => undefined });
    try {
      const silence = (info.heartbeatTimeoutMs ?? 0) + NOTICED_AFTER_MS;
      await sleep(silence, undefined, { signal: ctx.signal });
    } finally {
      Object.assign(activity, { heartbeat });
    }
    // The server has given the attempt up and does not listen to how it ends.
    throw new Error('This attempt is over: its worker was declared dead by workerDies().');
  };
}

/** A server may be a second late with its timeouts. */
const NOTICED_AFTER_MS = 2_000;

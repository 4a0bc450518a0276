import { DeclarationError } from '../agents/declaration-error.ts';
import { functionProblem, given, recordProblem, rejectIf } from '../core/arguments.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Agent } from '../agents/define-agent.ts';
import type { Tool, ToolContext } from '../agents/define-tool.ts';
import { aborted } from './aborted.ts';

/** One attempt of a call, which a fault handles instead of the tool. */
export interface FaultyAttempt {
  /** Parsed, as the tool gets it. */
  readonly input: unknown;
  readonly ctx: ToolContext;
  /** Runs the tool itself. */
  readonly run: () => Promise<unknown>;
}

/**
 * Runs instead of the tool's `run`.
 *
 * Decide by the attempt, its input and its idempotency key, and never by counting calls: the same call
 * must have the same fault on every worker and in every run of the test.
 */
export type ToolFault = (attempt: FaultyAttempt) => unknown;

/**
 * The same agent with tools that misbehave. Everything else stays: name, prompt, schemas and policies.
 *
 * ```ts
 * const broken = withToolFaults(support, { get_orders: failTimes(2, 'connection refused') });
 * ```
 *
 * @throws TypeError when the agent does not have one of the tools
 */
export function withToolFaults<Context>(
  agent: Agent<Context>,
  faults: Readonly<Record<string, ToolFault>>,
): Agent<Context> {
  rejectIf(
    DeclarationError,
    recordProblem('withToolFaults: the agent', agent),
    recordProblem('withToolFaults: the faults', faults),
    agent?.tools instanceof Map
      ? undefined
      : `withToolFaults: the agent must come from defineAgent; got ${given(agent)}`,
  );
  const tools = new Map(agent.tools);
  for (const [name, fault] of Object.entries(faults)) {
    const tool = tools.get(name);
    if (tool === undefined) {
      const known = [...agent.tools.keys()].join(', ') || 'none';
      throw new TypeError(
        `withToolFaults: agent ${agent.name} has no tool ${name}; its tools: ${known}`,
      );
    }
    if (tool.subAgent !== undefined) {
      throw new TypeError(
        `withToolFaults: ${name} of agent ${agent.name} is another agent, which no worker runs as a tool; give faults to the tools of that agent`,
      );
    }
    rejectIf(DeclarationError, functionProblem(`withToolFaults: the fault of ${name}`, fault));
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

/** The fault handles the first `count` attempts of every call, the tool the later ones. */
export function firstAttempts(count: number, fault: ToolFault): ToolFault {
  rejectIf(DeclarationError, functionProblem('firstAttempts: the fault', fault));
  return (attempt) => (attempt.ctx.attempt <= count ? fault(attempt) : attempt.run());
}

/**
 * The first `count` attempts of every call throw, later ones run the tool. A tool that is not safe to
 * repeat has one attempt only.
 */
export function failTimes(count: number, error: Error | string): ToolFault {
  return firstAttempts(count, alwaysFail(error));
}

/** Every attempt throws. Give a `ToolError` to say whether and when to try again. */
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

/** Runs until its signal aborts: on a timeout, a cancel or a shutdown. */
export function hang(): ToolFault {
  return ({ ctx: { signal } }) => aborted(signal);
}

/** Returns something that cannot be given to the model, or nothing. */
export function garbage(kind: 'oversized' | 'unserialisable' | 'nothing'): ToolFault {
  return () => {
    switch (kind) {
      case 'oversized':
        return 'x'.repeat(OVERSIZED_BYTES);
      case 'unserialisable':
        return { total: () => 1 };
      case 'nothing':
        return undefined;
    }
  };
}

/** A payload of Temporal holds 2 MB. */
const OVERSIZED_BYTES = 3_000_000;

/**
 * To the server, the worker dies in the middle of the call: there are no more heartbeats and no result, which
 * the server notices after the tool's `heartbeatTimeout` (10 s by default). The tool does not run. Every attempt
 * ends like this, unless you use `firstAttempts`. The worker itself keeps running. A local call
 * (`execution: 'local'`) has no heartbeats, and ends when its time is up.
 */
export function workerDies(): ToolFault {
  return async ({ ctx }) => {
    const activity = Context.current();
    const { heartbeat, info } = activity;
    // Plait's own heartbeats go through this field as well.
    Object.assign(activity, { heartbeat: () => undefined });
    try {
      const silence = (info.heartbeatTimeoutMs ?? 0) + NOTICED_AFTER_MS;
      await sleep(silence, undefined, { signal: ctx.signal });
    } finally {
      Object.assign(activity, { heartbeat });
    }
    // The server has already ended the attempt, and ignores how it ends here.
    throw new Error('workerDies(): the server has ended this attempt.');
  };
}

/** In milliseconds: a busy server's timeouts come late. A worker that shuts down does not wait for this. */
const NOTICED_AFTER_MS = 60_000;

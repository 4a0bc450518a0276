import type { Headers, WorkflowInterceptors } from '@temporalio/workflow';
import { defaultPayloadConverter, workflowInfo } from '@temporalio/workflow';
import { SESSION_WORKFLOW, TURN_WORKFLOW } from '../core/names.ts';
import { SEND_UPDATE } from '../core/session/protocol.ts';
import { TraceCarrier } from '../core/trace/carrier.ts';
import type { TraceContext } from '../core/trace/context.ts';
import { readTraceContext, TRACE_HEADER } from '../core/trace/context.ts';

/**
 * Carries the context of a trace between headers and the workflows of Plait, for `interceptors.workflowModules`
 * of a worker. `createWorker` does that by itself. It leaves other workflows alone.
 */
export function interceptors(): WorkflowInterceptors {
  switch (workflowInfo().workflowType) {
    case TURN_WORKFLOW:
      return ofTurn(new TraceCarrier());
    case SESSION_WORKFLOW:
      return ofSession(new TraceCarrier());
    default:
      return {};
  }
}

function ofTurn(carrier: TraceCarrier): WorkflowInterceptors {
  return {
    inbound: [
      {
        execute(input, next) {
          carrier.from = contextIn(input.headers);
          return next(withCarrier(input, carrier));
        },
      },
    ],
    outbound: [
      startingChildren(carrier),
      {
        continueAsNew: (input, next) =>
          next({ ...input, headers: withContext(input.headers, carrier.from) }),
      },
    ],
  };
}

/** A session has no trace. Each of its turns belongs to the trace of its message. */
function ofSession(carrier: TraceCarrier): WorkflowInterceptors {
  return {
    inbound: [
      {
        execute: (input, next) => next(withCarrier(input, carrier)),
        handleUpdate(input, next) {
          const context = contextIn(input.headers);
          if (input.name !== SEND_UPDATE || context === undefined) return next(input);
          return next({ ...input, args: [input.args[0], context] });
        },
      },
    ],
    outbound: [startingChildren(carrier)],
  };
}

function startingChildren({ children }: TraceCarrier) {
  return {
    startChildWorkflowExecution: ((input, next) =>
      next({
        ...input,
        headers: withContext(input.headers, children.get(input.options.workflowId)),
      })) satisfies Outbound['startChildWorkflowExecution'],
  };
}

type Outbound = NonNullable<WorkflowInterceptors['outbound']>[number];

/** After the arguments that callers give. */
function withCarrier<T extends { args: unknown[] }>(input: T, carrier: TraceCarrier): T {
  return { ...input, args: [input.args[0], input.args[1], carrier] };
}

function contextIn(headers: Headers): TraceContext | undefined {
  const payload = headers[TRACE_HEADER];
  if (payload === undefined) return undefined;
  try {
    return readTraceContext(defaultPayloadConverter.fromPayload(payload));
  } catch {
    // Not a context of OpenTelemetry.
    return undefined;
  }
}

function withContext(headers: Headers, context: TraceContext | undefined): Headers {
  if (context === undefined) return headers;
  return { ...headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(context) };
}

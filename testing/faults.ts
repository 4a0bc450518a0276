import { DeclarationError } from '../agents/declaration-error.ts';
import { functionProblem, rejectIf } from '../core/arguments.ts';
import { defined } from '../core/json.ts';
import type { Fault, FaultReply, MessageReply, Reply, StreamFault } from './messages/reply.ts';
import { say } from './replies.ts';

/** A stall that ends when the client gives up or the server is closed. */
const FOREVER = Number.POSITIVE_INFINITY;

export interface StatusFaultOptions {
  /** Response headers, for example `{ 'x-should-retry': 'false' }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `error.details.error_code`, for example `enforced_spend_limit_reached`. */
  readonly errorCode?: string;
  readonly message?: string;
}

export interface StreamFaultOptions {
  /** How many events are sent before the fault. @default half of them */
  readonly afterEvents?: number;
  /** The reply that goes wrong. @default a few sentences; inside `times`, the reply that comes later */
  readonly reply?: Reply;
}

/** Replies of a script that go wrong: every time, or only at first with `times`. */
export const fault = {
  /** Any error status with the API's error body. */
  status(
    status: number,
    type: string,
    message: string,
    { headers = {}, errorCode }: Omit<StatusFaultOptions, 'message'> = {},
  ): FaultReply {
    const details = errorCode === undefined ? undefined : { error_code: errorCode };
    const error = { type, message, ...defined({ details }) };
    return { type: 'fault', fault: { type: 'status', status, error, headers } };
  },

  /** 429 `rate_limit_error`. `retryAfter`, in seconds, becomes the header `retry-after`. */
  rateLimited({
    retryAfter,
    message = "This request would exceed your organization's rate limit.",
    headers = {},
    ...options
  }: StatusFaultOptions & { readonly retryAfter?: number } = {}): FaultReply {
    const wait = defined({ 'retry-after': retryAfter?.toString() });
    return fault.status(429, 'rate_limit_error', message, {
      ...options,
      headers: { ...wait, ...headers },
    });
  },

  /** 529 `overloaded_error`. */
  overloaded({ message = 'Overloaded', ...options }: StatusFaultOptions = {}): FaultReply {
    return fault.status(529, 'overloaded_error', message, options);
  },

  /** 500 `api_error`. */
  serverError({
    message = 'Internal server error',
    ...options
  }: StatusFaultOptions = {}): FaultReply {
    return fault.status(500, 'api_error', message, options);
  },

  /** 400 `invalid_request_error`. */
  badRequest(message: string, options: Omit<StatusFaultOptions, 'message'> = {}): FaultReply {
    return fault.status(400, 'invalid_request_error', message, options);
  },

  /** Silence before the response's headers, then the reply. */
  stallBeforeHeaders(forMs: number = FOREVER, reply?: Reply): FaultReply {
    return spoil({ type: 'stallBeforeHeaders', forMs }, reply);
  },

  /** Silence in the middle of the stream, without pings, then the rest. */
  stallMidStream(forMs: number = FOREVER, options: StreamFaultOptions = {}): FaultReply {
    return spoil(at({ type: 'stall', forMs }, options), options.reply);
  },

  /** An `error` event after the 200. Without streaming, the response has the status of that error. */
  midStreamError(
    type = 'overloaded_error',
    { message = 'Overloaded', ...options }: StreamFaultOptions & { readonly message?: string } = {},
  ): FaultReply {
    return spoil(at({ type: 'error', error: { type, message } }, options), options.reply);
  },

  /** An event of an unknown type; the rest of the reply follows. */
  unknownEvent(options: StreamFaultOptions = {}): FaultReply {
    return spoil(at({ type: 'unknownEvent' }, options), options.reply);
  },

  /** The stream ends cleanly before `message_stop`. */
  earlyEnd(options: StreamFaultOptions = {}): FaultReply {
    return spoil(at({ type: 'end' }, options), options.reply);
  },

  /** The connection dies in the middle of the response. */
  reset(options: StreamFaultOptions = {}): FaultReply {
    return spoil(at({ type: 'reset' }, options), options.reply);
  },

  /**
   * A call cut by `max_tokens`: its block is closed, but only the first `keep` characters of the input's
   * JSON (half by default) have come. Without streaming, the input is empty.
   */
  truncatedToolUse(name: string, input: unknown, keep?: number): MessageReply {
    const json = JSON.stringify(input);
    const rawInput = json.slice(0, keep ?? Math.floor(json.length / 2));
    return {
      content: [{ type: 'tool_use', name, input: {}, rawInput }],
      stop_reason: 'max_tokens',
    };
  },

  /** A call whose streamed input is not valid JSON. Without streaming, the input is empty. */
  invalidJsonInput(name: string, rawInput = '{"customer_id": 12 34'): MessageReply {
    return { content: [{ type: 'tool_use', name, input: {}, rawInput }] };
  },
} as const;

/**
 * The first `count` times that the very same request arrives, it gets `first`, then `then`. Each request
 * body has its own count, so other conversations and later rounds are not affected.
 */
export function times(count: number, first: Reply, then: Reply): Reply {
  for (const reply of [first, then]) {
    if (typeof reply !== 'function') continue;
    rejectIf(DeclarationError, functionProblem('times: the reply', reply));
  }
  return ({ arrival }) => {
    if (arrival > count) return then;
    return typeof first === 'object' && first.type === 'fault' && first.reply === undefined
      ? { ...first, reply: then }
      : first;
  };
}

const SOME_SENTENCES = say(
  'Let me look at what we know so far. There are three open orders, and one of them is late. ' +
    'I would write to the customer today.',
);

function spoil(fault: Fault, reply: Reply | undefined): FaultReply {
  return { type: 'fault', fault, ...defined({ reply }) };
}

function at<F extends StreamFault>(fault: F, { afterEvents }: StreamFaultOptions): F {
  return { ...fault, ...defined({ afterEvents }) };
}

/** The reply that the fault interrupts. */
export function spoiltReply({ reply = SOME_SENTENCES }: FaultReply): Reply {
  return reply;
}

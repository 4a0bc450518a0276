import type { Fault, FaultReply, MessageReply, Reply, StreamFault } from './messages/reply.ts';
import { say } from './replies.ts';

/** For ever, as the time of a stall: until the client gives up or the server is closed. */
const FOREVER = Number.POSITIVE_INFINITY;

export interface StatusFaultOptions {
  /** Sent as they are, for example `{ 'x-should-retry': 'false' }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `error.details.error_code`, for example `enforced_spend_limit_reached`. */
  readonly errorCode?: string;
  readonly message?: string;
}

export interface StreamFaultOptions {
  /** How many events are sent before. Default: half of them. */
  readonly afterEvents?: number;
  /** The reply that is spoilt. Default: a few sentences, or what `times` gives afterwards. */
  readonly reply?: Reply;
}

/** What can go wrong, as a reply of a script. On its own it goes wrong every time; see `times`. */
export const fault = {
  /** Any error status with the API's error body. */
  status(
    status: number,
    type: string,
    message: string,
    { headers = {}, errorCode }: Omit<StatusFaultOptions, 'message'> = {},
  ): FaultReply {
    const details = errorCode === undefined ? {} : { details: { error_code: errorCode } };
    return { fault: { kind: 'status', status, error: { type, message, ...details }, headers } };
  },

  /** 429 `rate_limit_error`. `retryAfter` is in seconds and becomes a header; without it none is sent. */
  rateLimited({
    retryAfter,
    message = "This request would exceed your organization's rate limit.",
    headers = {},
    ...options
  }: StatusFaultOptions & { readonly retryAfter?: number } = {}): FaultReply {
    const wait = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
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
    return spoil({ kind: 'stallBeforeHeaders', forMs }, reply);
  },

  /** Silence in the middle of the stream, without pings, then the rest. */
  stallMidStream(forMs: number = FOREVER, options: StreamFaultOptions = {}): FaultReply {
    return spoil(at({ kind: 'stall', forMs }, options), options.reply);
  },

  /** An `error` event after the 200. Outside a stream it is the status that belongs to the type. */
  midStreamError(
    type = 'overloaded_error',
    { message = 'Overloaded', ...options }: StreamFaultOptions & { readonly message?: string } = {},
  ): FaultReply {
    return spoil(at({ kind: 'error', error: { type, message } }, options), options.reply);
  },

  /** An event of a type that does not exist yet; the rest follows. */
  unknownEvent(options: StreamFaultOptions = {}): FaultReply {
    return spoil(at({ kind: 'unknownEvent' }, options), options.reply);
  },

  /** The stream ends cleanly before `message_stop`. */
  earlyEnd(options: StreamFaultOptions = {}): FaultReply {
    return spoil(at({ kind: 'end' }, options), options.reply);
  },

  /** The connection dies in the middle of the response. */
  reset(options: StreamFaultOptions = {}): FaultReply {
    return spoil(at({ kind: 'reset' }, options), options.reply);
  },

  /**
   * A call cut by `max_tokens`: its block is closed, but only `keep` characters of the input's JSON
   * (default: half) came. Outside a stream the input is empty.
   */
  truncatedToolUse(name: string, input: unknown, keep?: number): MessageReply {
    const json = JSON.stringify(input);
    const rawInput = json.slice(0, keep ?? Math.floor(json.length / 2));
    return {
      content: [{ type: 'tool_use', name, input: {}, rawInput }],
      stop_reason: 'max_tokens',
    };
  },

  /** A call whose streamed input is no JSON. Outside a stream the input is empty. */
  invalidJsonInput(name: string, rawInput = '{"customer_id": 12 34'): MessageReply {
    return { content: [{ type: 'tool_use', name, input: {}, rawInput }] };
  },
} as const;

/**
 * The first `count` arrivals of the very same request meet the fault, later ones get `then`.
 * Counted for each request body by itself, so other conversations and later rounds are untouched.
 */
export function times(count: number, first: Reply, then: Reply): Reply {
  return ({ arrival }) => {
    if (arrival > count) return then;
    return 'fault' in first && first.reply === undefined ? { ...first, reply: then } : first;
  };
}

const SOME_SENTENCES = say(
  'Let me look at what we know so far. There are three open orders, and one of them is late. ' +
    'I would write to the customer today.',
);

function spoil(fault: Fault, reply: Reply | undefined): FaultReply {
  return reply === undefined ? { fault } : { fault, reply };
}

function at<F extends StreamFault>(fault: F, { afterEvents }: StreamFaultOptions): F {
  return afterEvents === undefined ? fault : { ...fault, afterEvents };
}

/** What a fault without a reply of its own spoils. */
export function spoiltReply({ reply = SOME_SENTENCES }: FaultReply): Reply {
  return reply;
}

import { methodsProblem } from '../core/arguments.ts';

/**
 * Brings partial replies from workers to the clients that follow their turns, faster than heartbeats can and
 * without an Action. It may lose messages, repeat them or fail: a turn never waits for it, and a stream
 * makes up for what is missing from history.
 *
 * Make your own of two functions, for example around the message bus that you already have. Messages of one
 * publisher should arrive in their order: those that overtake others are lost.
 *
 * @example
 * const transport: StreamTransport = {
 *   publish: async (channel, message) => { await nats.publish(channel, message); },
 *   subscribe: async (channel, onMessage) => {
 *     const subscription = nats.subscribe(channel, { callback: (_, { data }) => onMessage(data) });
 *     return () => subscription.unsubscribe();
 *   },
 * };
 */
export interface StreamTransport {
  /**
   * Sends a message to those who subscribe to the channel now. There is one channel for each turn; its name
   * has the namespace and the turn id. Messages are texts of up to some 30,000 characters, mostly a few
   * hundred. While it has not settled, no other message of the same reply is published.
   */
  publish: (channel: string, message: string) => Promise<void>;
  /** Calls `onMessage` for each message until you call the returned function. Rejects if it cannot. */
  subscribe: (
    channel: string,
    onMessage: (message: string) => void,
  ) => Promise<() => Promise<void> | void>;
}

/** A transport that Plait brings. */
export interface PlaitStreamTransport extends StreamTransport {
  /** Where it is, for people to read: a URL without a password. */
  readonly location: string;
  /**
   * Connects, to find out whether it can be used. A worker does so when it starts.
   *
   * Throws an `InvalidTransportError` when a package is missing, and a `TransportUnavailableError`.
   */
  prepare: () => Promise<void>;
  /** Closes its connections. */
  close: () => Promise<void>;
}

/** What is wrong with an option that holds a transport; `undefined` if nothing is. */
export function transportProblem(name: string, transport: unknown): string | undefined {
  if (transport === undefined) return undefined;
  const wanted = 'have the functions publish and subscribe, as what openTransport(…) returns';
  return methodsProblem(name, transport, { methods: ['publish', 'subscribe'], wanted });
}

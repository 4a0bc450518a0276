import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { ReplyPiece } from '../../core/conversation/partial-reply.ts';
import { turnChannel } from '../../core/conversation/partial-reply.ts';
import { deferred } from '../../core/deferred.ts';
import { causeChain } from '../../core/failures.ts';
import { decodePiece } from '../../transport/piece.ts';
import type { StreamTransport } from '../../transport/stream-transport.ts';

/** How many messages may wait for a slow consumer. More are dropped, and history makes up for them. */
const MOST_WAITING = 1_000;
/** How long to wait before subscribing again. */
const RETRY_MS = 2_000;

/** How a client gets pieces of replies besides Temporal. */
export interface PieceSource {
  transport: StreamTransport;
  /** Called once for each thing that does not work. */
  onWarning: (message: string) => void;
}

/** The pieces of one turn's replies. */
export interface TurnPieces {
  /** Subscribes, unless it already has. Returns at once and never fails. */
  readonly subscribe: () => void;
  /** Settles when there is something to take. */
  readonly arrival: () => Promise<void>;
  /** What has come since the last call, in order. */
  readonly take: () => Promise<ReplyPiece[]>;
  readonly close: () => void;
}

/** Warns once about each thing that does not work. */
export function pieceSource(
  transport: StreamTransport,
  onWarning: (message: string) => void,
): PieceSource {
  const said = new Set<string>();
  return {
    transport,
    onWarning(message) {
      if (!said.has(message)) onWarning(message);
      said.add(message);
    },
  };
}

export function piecesOf(
  client: Client,
  turnId: string,
  { transport, onWarning }: PieceSource,
): TurnPieces {
  const { namespace, loadedDataConverter } = client.options;
  const channel = turnChannel(namespace, turnId);
  const closing = new AbortController();
  const { signal } = closing;
  let waiting: string[] = [];
  let arrived = deferred<void>();
  let isAsked = false;

  const onMessage = (message: string): void => {
    if (waiting.length >= MOST_WAITING) waiting = [];
    waiting.push(message);
    arrived.resolve();
  };

  const subscribed = async (): Promise<() => Promise<void> | void> => {
    for (;;) {
      try {
        return await transport.subscribe(channel, onMessage);
      } catch (error) {
        onWarning(
          `The stream transport cannot be used: ${causeChain(error)}. Until it can, streams get each reply when it is committed, and its beginning from heartbeats. Check the \`streamTransport\` of the client.`,
        );
      }
      await sleep(RETRY_MS, undefined, { signal });
    }
  };

  const readable = async (message: string): Promise<ReplyPiece[]> => {
    try {
      return [await decodePiece(message, loadedDataConverter.payloadCodecs)];
    } catch (error) {
      onWarning(
        `A piece of a reply cannot be read: ${causeChain(error)}. Give the client the codecs of the workers, and use the channels of the stream transport for nothing else.`,
      );
      return [];
    }
  };

  return {
    subscribe() {
      if (isAsked) return;
      isAsked = true;
      const unsubscribing = subscribed().then(async (unsubscribe) => {
        if (!signal.aborted) await aborted(signal);
        await unsubscribe();
      });
      // The stream has ended by then.
      unsubscribing.catch(() => undefined);
    },
    arrival: () => arrived.promise,
    async take() {
      const messages = waiting;
      waiting = [];
      arrived = deferred();
      return (await Promise.all(messages.map(readable))).flat();
    },
    close: () => closing.abort(),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

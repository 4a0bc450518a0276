import type { Payload, PayloadCodec } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TurnHandle, TurnStreamEvent } from '../../client/index.ts';
import { AgentClient } from '../../client/index.ts';
import { turnChannel } from '../../core/conversation/partial-reply.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { fault, times } from '../../testing/faults.ts';
import { callTools, paced, reply, say } from '../../testing/replies.ts';
import type { MessageReply, Reply } from '../../testing/messages/reply.ts';
import { conversation, script } from '../../testing/script.ts';
import { inPieces } from '../fixtures/in-pieces.ts';
import { MemoryTransport } from '../fixtures/memory-transport.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

const ANSWER = 'There are three open orders, and one of them is late. '.repeat(4).trim();
const slowly = (answer: MessageReply) => paced({ betweenEventsMs: 50 }, answer);

const transport = new MemoryTransport();
/** The reply, once somebody listens: what comes before is lost, and on a busy machine that may be all of it. */
const heard = (answer: Reply): Reply => {
  return async () => {
    await until(() => transport.listenedTo > 0);
    return answer;
  };
};

/** What the listener of the turn that is held in pieces has got. */
let heldFor: TurnStreamEvent[] = [];
const inFour = inPieces(ANSWER, 4, () => heldFor.length);

const agent = agentWith([reader('look', () => 'seen')]);
const answers = script(
  conversation(/^two rounds/, [
    heard(reply(inFour, callTools([['look', {}, 'toolu_a']]))),
    slowly(say('Done.')),
  ]),
  conversation(/^torn/, [
    heard(times(1, fault.earlyEnd({ reply: slowly(say(`Torn: ${ANSWER}`)) }), slowly(say(ANSWER)))),
  ]),
  conversation(/^heard/, [heard(inFour)]),
  conversation(/./, [slowly(say(ANSWER))]),
);

async function listen(
  turn: TurnHandle,
  events: TurnStreamEvent[] = [],
): Promise<TurnStreamEvent[]> {
  for await (const event of turn.stream()) events.push(event);
  return events;
}

/** What a consumer holds of each round that follows the events. */
function texts(events: readonly TurnStreamEvent[]): string[] {
  const held: string[] = [];
  for (const event of events) {
    if (event.type === 'textDelta')
      held[event.round - 1] = (held[event.round - 1] ?? '') + event.text;
    if (event.type === 'attemptRestarted') held[event.round - 1] = '';
  }
  return held;
}

const outline = (events: readonly TurnStreamEvent[]) =>
  events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]);
const deltas = (events: readonly TurnStreamEvent[]) =>
  events.filter(({ type }) => type === 'textDelta').length;

describe('a stream over a transport', () => {
  let plait: TestEnvironment;
  beforeAll(async () => {
    plait = await startPlait({
      agents: [agent],
      script: answers,
      streamTransport: transport,
      dataConverter: { payloadCodecs: [new Rot()] },
    });
  });
  afterEach(() => expect.poll(() => transport.listenedTo).toBe(0));
  afterAll(() => plait.close());

  /** A client of the same server with another transport, or with none. */
  const clientWith = (
    streamTransport?: MemoryTransport,
    onWarning: (message: string) => void = () => undefined,
  ) => {
    const { client } = plait.agents;
    return new AgentClient({
      client,
      onWarning,
      ...(streamTransport === undefined ? {} : { streamTransport }),
    });
  };

  test('has the same events in the same order, through the codec, and no heartbeats bring them', async () => {
    const turn = await plait.agents.start(agent, 'two rounds', { stream: true });
    const late = (async () => {
      for await (const { type } of turn.stream()) if (type === 'replyCommitted') break;
      return await listen(turn);
    })();
    heldFor = [];
    const events = await listen(turn, heldFor);

    expect(outline(events)).toEqual([
      'textDelta',
      'callForming',
      'replyCommitted',
      'callScheduled',
      'callFinished',
      'textDelta',
      'replyCommitted',
      'turnEnded',
    ]);
    expect(texts(events)).toEqual([ANSWER, 'Done.']);
    // Heartbeats would bring the second only after nine seconds.
    expect(deltas(events)).toBeGreaterThan(3);
    expect(texts(await late)).toEqual([ANSWER, 'Done.']);
    const { namespace } = plait.temporal;
    const messages = transport.published.get(turnChannel(namespace, turn.turnId)) ?? [];
    const seen = messages.map((each) => Buffer.from(each, 'base64').toString()).join('\n');
    expect(seen).not.toContain('There');
    expect(Buffer.from(rotated(Buffer.from(seen))).toString()).toContain('"There');
    await expect.poll(() => transport.listenedTo).toBe(0);
    expect(texts(await listen(turn))).toEqual([ANSWER, 'Done.']);
    expect(transport.listenedTo).toBe(0);
  });

  test('drops what a torn attempt said, and has the whole next attempt', async () => {
    const turn = await plait.agents.start(agent, 'torn', { stream: true });
    const events = await listen(turn);
    expect(outline(events)).toEqual([
      'textDelta',
      'attemptRestarted',
      'textDelta',
      'replyCommitted',
      'turnEnded',
    ]);
    expect(texts(events)).toEqual([ANSWER]);
  });

  test('publishes nothing of a turn that nobody asked to stream', async () => {
    const turn = await plait.agents.start(agent, 'go');
    expect(outline(await listen(turn))).toContain('notStreamed');
    const { namespace } = plait.temporal;
    expect(transport.published.get(turnChannel(namespace, turn.turnId))).toBeUndefined();
  });

  test('is exact for a client that gets every third message, gets each twice, or has no transport', async () => {
    const lossy = relay(transport, (message, count) => (count % 3 === 0 ? [message] : []));
    const doubling = relay(transport, (message) => [message, message]);
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    const clients = [clientWith(lossy), clientWith(doubling), clientWith()];
    const followed = clients.map((each) => listen(each.getTurn(turn.turnId)));
    for (const events of await Promise.all(followed)) {
      expect(outline(events)).toEqual(['textDelta', 'replyCommitted', 'turnEnded']);
      expect(texts(events)).toEqual([ANSWER]);
    }
  });

  test('goes on without a transport that fails, for the worker or the client', async () => {
    const warnings: string[] = [];
    const away = new MemoryTransport();
    away.failure = new Error('connect ECONNREFUSED 10.0.0.7:6379');
    const client = clientWith(away, (message) => void warnings.push(message));
    transport.failure = new Error('connect ECONNREFUSED 10.0.0.7:6379');
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    const events = await listen(client.getTurn(turn.turnId));
    transport.failure = undefined;

    expect(texts(events)).toEqual([ANSWER]);
    expect(outline(events)).toEqual(['textDelta', 'replyCommitted', 'turnEnded']);
    expect((await turn.result()).text).toBe(ANSWER);
    expect(warnings).toEqual([
      expect.stringContaining('cannot be used: connect ECONNREFUSED 10.0.0.7:6379.') as string,
    ]);
    const next = await plait.agents.start(agent, 'heard', { stream: true });
    heldFor = [];
    expect(deltas(await listen(next, heldFor))).toBeGreaterThan(3);
  });

  test('says which messages it cannot read, and has the whole reply', async () => {
    const warnings: string[] = [];
    const client = clientWith(
      relay(transport, () => ['not a piece']),
      (message) => void warnings.push(message),
    );
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    expect(texts(await listen(client.getTurn(turn.turnId)))).toEqual([ANSWER]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^A piece of a reply cannot be read: .*codecs of the workers/);
  });
});

/** A transport that gets the messages of another, and does something to them. */
function relay(from: MemoryTransport, fate: ConstructorParameters<typeof MemoryTransport>[0]) {
  const transport = new MemoryTransport(fate);
  const subscribe = transport.subscribe;
  return Object.assign(transport, {
    async subscribe(channel: string, onMessage: (message: string) => void) {
      const ends = [
        await subscribe(channel, onMessage),
        await from.subscribe(channel, (message) => void transport.publish(channel, message)),
      ];
      return () => ends.forEach((end) => end());
    },
  });
}

function rotated(data: Uint8Array): Uint8Array {
  return Uint8Array.from(data, (byte) => byte ^ 1);
}

class Rot implements PayloadCodec {
  encode(payloads: Payload[]): Promise<Payload[]> {
    const encoded = payloads.map(({ metadata, data }) => ({
      metadata: metadata ?? {},
      data: rotated(data ?? new Uint8Array()),
    }));
    return Promise.resolve(encoded);
  }

  decode(payloads: Payload[]): Promise<Payload[]> {
    return this.encode(payloads);
  }
}

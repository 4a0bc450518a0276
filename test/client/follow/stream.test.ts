import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { unseenAfter } from '../../../client/follow/stream.ts';
import type { TurnHandle, TurnStreamEvent } from '../../../client/index.ts';
import { CALL_MODEL } from '../../../core/names.ts';
import { directoryStorage } from '../../../storage/index.ts';
import { fault, times } from '../../../testing/faults.ts';
import { callTools, paced, reply, say, think } from '../../../testing/replies.ts';
import type { MessageReply } from '../../../testing/messages/reply.ts';
import { conversation } from '../../../testing/script.ts';
import { inPieces } from '../../fixtures/in-pieces.ts';
import { startPlait } from '../../fixtures/plait.ts';
import { agentWith, reader } from '../../fixtures/tools.ts';

const ANSWER = 'There are three open orders, and one of them is late. '.repeat(8).trim();
const slowly = (answer: MessageReply) => paced({ betweenEventsMs: 50 }, answer);
const look = reader('look', ({ id }) => `seen ${String(id)}`);
/** From the commit of a reply with one call to the end of the turn. */
const CALL_AND_ANSWER = [
  'replyCommitted',
  'callScheduled',
  'callFinished',
  'textDelta',
  'replyCommitted',
  'turnEnded',
];

async function listen(
  turn: TurnHandle,
  afterReply = 0,
  events: TurnStreamEvent[] = [],
): Promise<TurnStreamEvent[]> {
  for await (const event of turn.stream({ afterReply })) events.push(event);
  return events;
}

/** What a consumer holds of each round that follows the events. */
function texts(events: readonly TurnStreamEvent[]): string[] {
  const held: string[] = [];
  for (const event of events) {
    if (event.type === 'textDelta') {
      held[event.round - 1] = (held[event.round - 1] ?? '') + event.text;
    }
    if (event.type === 'attemptRestarted') held[event.round - 1] = '';
  }
  return held;
}

const typesOf = (events: readonly TurnStreamEvent[]) => events.map(({ type }) => type);
/** Without how often a text or a call grew. */
const outline = (events: readonly TurnStreamEvent[]) =>
  typesOf(events).filter((type, i, all) => type !== all[i - 1]);

describe('stream', () => {
  test('has text while the model writes it, and adds no event to the history', async () => {
    const agent = agentWith([look]);
    const events: TurnStreamEvent[] = [];
    const script = conversation('slow', [inPieces(ANSWER, 2, () => events.length)]);
    await using plait = await startPlait({
      agents: [agent],
      script: (request) => script(request) ?? say(ANSWER),
    });
    const turn = await plait.agents.start(agent, 'slow', { stream: true });
    let openAtFirstText: number | undefined;
    for await (const event of turn.stream()) {
      if (event.type === 'textDelta' && events.length === 0) {
        openAtFirstText = (await turn.describe()).modelAttempt;
      }
      events.push(event);
    }
    expect(openAtFirstText).toBe(1);
    expect(outline(events)).toEqual(['textDelta', 'replyCommitted', 'turnEnded']);
    expect(events.length).toBeGreaterThan(3);
    expect(texts(events)).toEqual([ANSWER]);
    expect(events.at(-1)).toEqual({
      type: 'turnEnded',
      status: 'completed',
      stopReason: 'end_turn',
    });

    const quick = await plait.agents.start(agent, 'quick', { stream: true });
    await quick.result();
    const { historyEvents } = await quick.describe();
    expect((await turn.describe()).historyEvents).toBe(historyEvents);
    expect(outline(await listen(turn))).toEqual(['textDelta', 'replyCommitted', 'turnEnded']);
  });

  test('has thinking, growing calls, their parallel runs and ends, and the next reply', async () => {
    const broken = reader('broken', () => {
      throw new Error('no such order');
    });
    const agent = agentWith([look, broken]);
    const first = callTools(
      [
        ['look', { id: 1, note: 'x'.repeat(200) }, 'toolu_a'],
        ['broken', {}, 'toolu_b'],
        ['look', { id: 3 }, 'toolu_c'],
      ],
      { text: 'I look.' },
    );
    const script = conversation(/./, [slowly(reply(think(ANSWER), first)), say('Done.')]);
    await using plait = await startPlait({ agents: [agent], script });
    const events = await listen(await plait.agents.start(agent, 'go', { stream: true }));

    const thought = events.map((event) => (event.type === 'thinkingDelta' ? event.thinking : ''));
    expect(thought.join('')).toBe(ANSWER);
    expect(texts(events)).toEqual(['I look.', 'Done.']);
    const about = (id: string) =>
      events.filter((event) => 'callId' in event && event.callId === id).map(({ type }) => type);
    expect([...new Set(about('toolu_a'))]).toEqual([
      'callForming',
      'callScheduled',
      'callFinished',
    ]);
    const types = typesOf(events);
    expect(types.lastIndexOf('callForming')).toBeLessThan(types.indexOf('replyCommitted'));
    expect(types.indexOf('replyCommitted')).toBeLessThan(types.indexOf('callScheduled'));
    expect(types.lastIndexOf('callScheduled')).toBeLessThan(types.indexOf('callFinished'));
    expect(types.lastIndexOf('callFinished')).toBeLessThan(types.lastIndexOf('textDelta'));
    expect(events.filter(({ type }) => type === 'callScheduled')).toMatchObject([
      { round: 1, callId: 'toolu_a', name: 'look' },
      { round: 1, callId: 'toolu_b', name: 'broken' },
      { round: 1, callId: 'toolu_c', name: 'look', summary: 'id: 3' },
    ]);
    expect(events.find((event) => 'outcome' in event && event.callId === 'toolu_b')).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('no such order') as string,
    });
  });

  test('says that the model is asked again after a torn reply, and has the whole new reply', async () => {
    const agent = agentWith([]);
    const torn = fault.stallMidStream(60_000, { reply: say(ANSWER) });
    const script = conversation(/./, [times(1, torn, slowly(say(`Again: ${ANSWER}`)))]);
    await using plait = await startPlait({ agents: [agent], script, modelIdleTimeout: '3s' });
    const events = await listen(await plait.agents.start(agent, 'go', { stream: true }));

    expect(plait.model.requests).toHaveLength(2);
    expect(outline(events)).toEqual([
      'textDelta',
      'attemptRestarted',
      'textDelta',
      'replyCommitted',
      'turnEnded',
    ]);
    expect(events.find(({ type }) => type === 'attemptRestarted')).toMatchObject({
      round: 1,
      attempt: 2,
      reason: expect.stringContaining('sent nothing for 3 s') as string,
    });
    expect(texts(events)).toEqual([`Again: ${ANSWER}`]);
  });

  test('says that a reply could not be used', async () => {
    const agent = agentWith([look]);
    const doubled = [
      ['look', { id: 1 }, 'toolu_twice'],
      ['look', { id: 2 }, 'toolu_twice'],
    ] as const;
    const unusable = slowly(callTools(doubled, { text: ANSWER }));
    const script = conversation(/./, [times(1, unusable, slowly(say(`Better: ${ANSWER}`)))]);
    await using plait = await startPlait({ agents: [agent], script });
    const events = await listen(await plait.agents.start(agent, 'go', { stream: true }));

    expect(plait.model.requests).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'attemptRestarted')).toMatchObject([
      { round: 1, attempt: 1 },
    ]);
    expect(texts(events)).toEqual([`Better: ${ANSWER}`]);
  });

  test('continues for a consumer that left, after the last reply that it has seen', async () => {
    const agent = agentWith([look]);
    const script = conversation(/./, [
      callTools([['look', { id: 1 }, 'toolu_a']], { text: 'I look.' }),
      slowly(say(ANSWER)),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    for await (const event of turn.stream()) {
      if (event.type === 'textDelta' && event.round === 2) break;
    }
    const events = await listen(plait.agents.getTurn(turn.turnId), 1);
    expect(outline(events)).toEqual([
      'callScheduled',
      'callFinished',
      'textDelta',
      'replyCommitted',
      'turnEnded',
    ]);
    expect(texts(events)[1]).toBe(ANSWER);
  });

  test('is the same for two consumers, each at its own pace', async () => {
    const agent = agentWith([look]);
    const script = conversation(/./, [
      slowly(callTools([['look', { id: 1 }]], { text: ANSWER })),
      slowly(say(ANSWER)),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    const [all, few] = await Promise.all([listen(turn), listen(turn, 1)]);
    expect(texts(all)).toEqual([ANSWER, ANSWER]);
    expect(texts(few)[1]).toBe(ANSWER);
    expect(all.at(-1)).toEqual(few.at(-1));
  });

  test('has the whole of a reply that is longer than heartbeats can hold', async () => {
    const long = Array.from({ length: 8_000 }, (_, i) => `naïve ${i} 🙂`).join('\n');
    const agent = agentWith([]);
    const script = conversation(/./, [slowly(say(long))]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    const early = listen(turn);
    for await (const event of turn.stream()) if (event.type === 'textDelta') break;
    const events = await early;
    expect(texts(events)).toEqual([long]);
    expect(typesOf(events)).not.toContain('attemptRestarted');
    expect(texts(await listen(turn))).toEqual([long]);
  });

  test('fetches a reply from the storage, and throws if the client has none', async () => {
    const long = 'All work and no play. '.repeat(20_000);
    const storage = directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-')));
    const large = reader('large', () => 'x'.repeat(400_000));
    const agent = agentWith([large]);
    const script = conversation(/./, [slowly(callTools({ large: {} }, { text: long })), say('.')]);
    await using plait = await startPlait({ agents: [agent], script, storage });
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    const events = await listen(turn);
    expect(texts(events)).toEqual([long, '.']);
    expect(outline(events).slice(-6)).toEqual(CALL_AND_ANSWER);

    const { address, namespace } = plait.temporal;
    await using other = await startPlait({ agents: [agent], script });
    expect(other.temporal).toEqual({ address, namespace });
    const unread = listen(other.agents.getTurn(turn.turnId));
    await expect(unread).rejects.toThrow(/lies in a storage .*Give the client the `storage`/);
  });

  test('passes through the codec: the server never sees the text', async () => {
    const agent = agentWith([]);
    const script = conversation(/./, [slowly(say(ANSWER))]);
    const dataConverter = { payloadCodecs: [new Rot()] };
    await using plait = await startPlait({ agents: [agent], script, dataConverter });
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    let seen = '';
    const events: TurnStreamEvent[] = [];
    for await (const event of turn.stream()) {
      if (event.type === 'textDelta' && seen === '') {
        const { raw } = await turn.workflow.describe();
        const request = raw.pendingActivities?.find(
          (each) => each.activityType?.name === CALL_MODEL,
        );
        const data = request?.heartbeatDetails?.payloads?.[0]?.data ?? new Uint8Array();
        seen = Buffer.from(data).toString();
      }
      events.push(event);
    }
    expect(texts(events)).toEqual([ANSWER]);
    expect(seen).not.toBe('');
    expect(seen).not.toContain('There');
    expect(rotated(Buffer.from(seen)).toString()).toContain('"There');
  });

  test('ends with a turn that is cancelled while the model writes', async () => {
    const agent = agentWith([]);
    const script = conversation(/./, [fault.stallMidStream(60_000, { reply: say(ANSWER) })]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    const events: TurnStreamEvent[] = [];
    for await (const event of turn.stream()) {
      events.push(event);
      if (event.type === 'textDelta') await turn.cancel();
    }
    expect(outline(events)).toEqual(['textDelta', 'turnEnded']);
    expect(events.at(-1)).toMatchObject({ status: 'completed', stopReason: 'cancelled' });
  });

  test('can be left quietly by a signal while nothing comes', async () => {
    const agent = agentWith([]);
    const script = conversation(/./, [fault.stallMidStream(60_000, { reply: say(ANSWER) })]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    const leaving = new AbortController();
    for await (const event of turn.stream({ signal: leaving.signal })) {
      expect(event.type).toBe('textDelta');
      leaving.abort();
    }
    expect((await turn.describe()).status).toBe('RUNNING');
  });

  test('follows a turn that continues in new runs, and has each round once', async () => {
    const agent = agentWith([look], { historyEvents: 20 });
    const script = conversation(/./, [
      ...Array.from({ length: 4 }, (_, i) =>
        callTools([['look', { id: i }, `toolu_${i}`]], { text: `Round ${i + 1}. ` }),
      ),
      slowly(say(ANSWER)),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go', { stream: true });
    const events = await listen(turn);
    const { runId, raw } = await turn.workflow.describe();
    expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
    const expected = ['Round 1. ', 'Round 2. ', 'Round 3. ', 'Round 4. ', ANSWER];
    expect(texts(events)).toEqual(expected);
    for (const type of ['callScheduled', 'callFinished']) {
      expect(events.filter((event) => event.type === type)).toHaveLength(4);
    }
    expect(typesOf(events).filter((type) => type === 'turnEnded')).toHaveLength(1);
    expect(texts(await listen(turn))).toEqual(expected);
    expect(texts(await listen(turn, 4)).filter(Boolean)).toEqual([ANSWER]);
  });

  test('waits for a turn of a session to begin', async () => {
    const agent = agentWith([]);
    const events: TurnStreamEvent[] = [];
    const script = conversation(/./, [
      ({ userText }) =>
        userText === 'one' ? say('First.') : inPieces(`two: ${ANSWER}`, 2, () => events.length),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const session = plait.agents.openSession(agent, `session-${randomUUID()}`);
    await session.send('one', { stream: true });
    const second = await session.send('two', { stream: true });
    await listen(second, 0, events);
    expect(texts(events)).toEqual([`two: ${ANSWER}`]);
    expect(outline(events)).toEqual(['textDelta', 'replyCommitted', 'turnEnded']);
    expect(events.length).toBeGreaterThan(3);
  });

  test('says once that nobody has asked for it, and has each reply when it is committed', async () => {
    const agent = agentWith([look]);
    const call = callTools([['look', { id: 1 }]], { text: ANSWER });
    const script = conversation(/./, [slowly(call), say('Done.')]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go');
    const events = await listen(turn);
    expect(typesOf(events)).toEqual(['notStreamed', 'textDelta', ...CALL_AND_ANSWER]);
    expect(events[0]).toMatchObject({
      round: 1,
      message: expect.stringContaining('stream: true') as string,
    });
    expect(typesOf(await listen(turn))).toContain('notStreamed');
    expect(typesOf(await listen(turn, 1))).not.toContain('notStreamed');
  });

  test('can be requested by an agent, a start, a session or a message, and the nearest one counts', async () => {
    const quiet = agentWith([]);
    const open = { ...agentWith([], { stream: true }), name: 'open' };
    await using plait = await startPlait({ agents: [quiet, open], script: () => say('Here.') });
    const { agents } = plait;
    const turns = [
      agents.start(open, 'agent'),
      agents.start(quiet, 'start', { stream: true }),
      agents.start(open, 'start', { stream: false }),
      agents.openSession(quiet, randomUUID(), { stream: true }).send('session'),
      agents.openSession(quiet, randomUUID()).send('message', { stream: true }),
      agents.openSession(open, randomUUID(), { stream: true }).send('message', { stream: false }),
    ];
    const asked = await Promise.all(
      turns.map(async (turn) => !typesOf(await listen(await turn)).includes('notStreamed')),
    );
    expect(asked).toEqual([true, true, false, true, true, false]);
  });

  test('does not count when turns are compared', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: () => say('Here.') });
    const turnId = randomUUID();
    const first = await plait.agents.start(agent, 'go', { turnId });
    const second = await plait.agents.start(agent, 'go', { turnId, stream: true });
    expect(second.turnId).toBe(first.turnId);
    await second.result();
    expect(plait.model.requests).toHaveLength(1);
  });

  test('says that there is no such turn', async () => {
    await using plait = await startPlait({ agents: [agentWith([])], script: () => say('') });
    await expect(listen(plait.agents.getTurn('nobody'))).rejects.toThrow(/nobody/);
  });
});

/** Every byte another one: a stand-in for encryption. */
function rotated(data: Uint8Array): Buffer {
  return Buffer.from(data.map((byte) => byte ^ 1));
}

class Rot implements PayloadCodec {
  encode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.resolve(
      payloads.map(({ metadata, data }) => ({
        metadata: metadata ?? {},
        data: rotated(data ?? new Uint8Array()),
      })),
    );
  }

  decode(payloads: Payload[]): Promise<Payload[]> {
    return this.encode(payloads);
  }
}

function event(text: string): TurnStreamEvent {
  const [type, round, callId] = text.split(' ');
  return { type, round: Number(round), callId } as unknown as TurnStreamEvent;
}

describe('a consumer that comes back', () => {
  // `slow` goes on in the background.
  const turn = [
    'textDelta 1',
    'replyCommitted 1',
    'callScheduled 1 slow',
    'callScheduled 1 quick',
    'callFinished 1 quick',
    'callScheduled 2 early',
    'replyCommitted 2',
    'callFinished 2 early',
    'callFinished 1 slow',
    'replyCommitted 3',
    'turnEnded',
  ];

  test.each<[afterReply: number, from: string[]]>([
    [0, turn],
    [1, turn.slice(2)],
    [2, ['callScheduled 2 early', ...turn.slice(7)]],
    [3, ['turnEnded']],
    [4, ['turnEnded']],
  ])('after reply %d gets what it has not seen', (afterReply, expected) => {
    const isUnseen = unseenAfter(afterReply);
    expect(turn.filter((text) => isUnseen(event(text)))).toEqual(expected);
  });
});

import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TurnStreamEvent } from 'plait/client';
import { callTools, conversation, fault, say, times } from 'plait/testing';
import { describe, expect, test } from 'vitest';
import type { EventsOptions } from '../../examples/streaming-to-a-page/events.ts';
import { answerEvents } from '../../examples/streaming-to-a-page/events.ts';
import { testGuide } from '../fixtures/guide.ts';
import { inPieces } from '../fixtures/in-pieces.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { latch } from '../fixtures/waiting-turns.ts';
import { busTransport } from './own-transport.ts';
import { follow, Reply } from './reply-stream.ts';
import { print, runWorker } from './stream-transport.ts';

const ANSWER = 'There are three open orders, and one of them is late. '.repeat(8).trim();

describe('docs/streaming.md', () => {
  testGuide('docs/streaming.md', 4);

  test('its reply is what the model said, also when it was torn and the consumer left', async () => {
    const agent = agentWith([reader('look', () => 'three')]);
    const shown: string[] = [];
    const leaving = new AbortController();
    // The consumer has read a part of the answer and left before the rest of it comes.
    const answer = inPieces(ANSWER, 2, () => (leaving.signal.aborted ? Infinity : 0));
    const script = conversation(/./, [
      callTools({ look: { id: 1 } }, { text: 'I look. ' }),
      times(1, fault.earlyEnd({ reply: answer }), answer),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const { turnId } = await plait.agents.start(agent, 'What is open?', { stream: true });
    const reply = new Reply();
    const leave = reply.take.bind(reply);
    reply.take = (event) => {
      leave(event);
      shown.push(reply.text);
      if (event.type === 'textDelta' && event.round === 2) leaving.abort();
    };
    await follow(plait.agents, turnId, reply, leaving.signal);
    expect(reply.text).not.toBe(`I look. ${ANSWER}`);
    await follow(plait.agents, turnId, reply, new AbortController().signal);

    expect(plait.model.requests).toHaveLength(3);
    expect(reply.text).toBe(`I look. ${ANSWER}`);
    expect([...reply.calls.values()]).toEqual(['look: succeeded']);
    // The first round's text, a part of the answer, and the answer.
    expect(new Set(shown).size).toBeGreaterThanOrEqual(3);
  });

  test('its worker and its client share a transport', () => {
    expect([print, runWorker].map((each) => typeof each)).toEqual(['function', 'function']);
  });

  test('its transport brings messages until the subscriber leaves', async () => {
    const bus = new EventEmitter();
    const transport = busTransport(bus);
    const seen: string[] = [];
    const leave = await transport.subscribe('channel', (message) => seen.push(message));
    await transport.publish('channel', 'first');
    await leave();
    await transport.publish('channel', 'second');
    expect(seen).toEqual(['first']);
    expect(bus.eventNames()).toEqual([]);
  });

  test('its server sends a turn to a browser, goes on where that was, ends for good, and shows no inputs', async () => {
    const alive = latch();
    const agent = agentWith([reader('look', async () => (await alive.opened, 'three'))]);
    const secret = 'card 4111';
    const script = conversation(/./, [
      callTools({ look: { secret } }, { text: 'I look.' }),
      say(ANSWER),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const { turnId } = await plait.agents.start(agent, 'What is open?', { stream: true });
    const serve = async (options?: EventsOptions) => {
      const server = createServer((request, response) => {
        void answerEvents(plait.agents, request, response, options);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    };
    const [plain, open] = [await serve({ keepAlive: 20 }), await serve({ inputs: true })];
    const path = `/turns/${turnId}/events`;
    const get = (path: string, id?: string) =>
      fetch(plain.url + path, { headers: id === undefined ? {} : { 'last-event-id': id } });

    let whole = '';
    const { body } = await get(path);
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      whole += chunk;
      // The tool goes on only when a comment has come after the call.
      if (/callScheduled[^]*^: keep-alive$/m.test(whole)) alive.open();
    }
    const rest = await (await get(path, '1')).text();
    const statuses = await Promise.all([
      get(path, 'ended'),
      get('/turns/nobody/events'),
      get('/turns/%/events'),
      get('/turns'),
      fetch(plain.url + path, { method: 'POST' }),
    ]);
    const withInputs = await (await fetch(open.url + path)).text();
    for (const { server } of [plain, open]) server.close();

    expect(whole).toMatch(/^id: 1\ndata: \{"type":"replyCommitted"/m);
    expect(whole).toMatch(/^id: ended\ndata: \{"type":"turnEnded".*\n\n$/m);
    expect(textOf(whole)).toBe(`I look.${ANSWER}`);
    expect(textOf(rest)).toBe(ANSWER);
    expect(rest).toContain('callFinished');
    expect(statuses.map(({ status }) => status)).toEqual([204, 404, 404, 404, 404]);
    expect(whole + rest).not.toContain(secret);
    expect(withInputs.split(secret).length).toBeGreaterThan(2);
  });
});

function textOf(stream: string): string {
  const events = [...stream.matchAll(/^data: (.*)$/gm)].map(
    ([, data = '']) => JSON.parse(data) as TurnStreamEvent,
  );
  return events.map((event) => (event.type === 'textDelta' ? event.text : '')).join('');
}

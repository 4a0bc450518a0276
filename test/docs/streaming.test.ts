import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TurnStreamEvent } from 'plait/client';
import { callTools, conversation, fault, paced, say, times } from 'plait/testing';
import { describe, expect, test } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { eventSource } from './event-source.ts';
import { follow, Reply } from './reply-stream.ts';

const ANSWER = 'There are three open orders, and one of them is late. '.repeat(8).trim();
const slowly = paced({ betweenEventsMs: 40 }, say(ANSWER));

describe('docs/streaming.md', () => {
  testGuide('docs/streaming.md', 2);

  test('its reply is what the model said, also when it was torn and the consumer left', async () => {
    const agent = agentWith([reader('look', () => 'three')]);
    const script = conversation(/./, [
      callTools({ look: { id: 1 } }, { text: 'I look. ' }),
      times(1, fault.earlyEnd({ reply: slowly }), slowly),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const { turnId } = await plait.agents.start(agent, 'What is open?');
    const reply = new Reply();
    const leaving = new AbortController();
    const shown: string[] = [];
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
    expect(new Set(shown).size).toBeGreaterThan(3);
  });

  test('its server sends a turn to a browser, and goes on where the browser was', async () => {
    const agent = agentWith([reader('look', () => 'three')]);
    const script = conversation(/./, [callTools({ look: { id: 1 } }, { text: 'I look.' }), slowly]);
    await using plait = await startPlait({ agents: [agent], script });
    const { turnId } = await plait.agents.start(agent, 'What is open?');
    const server = eventSource(plait.agents).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/turns/${turnId}/events`;

    const whole = await (await fetch(url)).text();
    const rest = await (await fetch(url, { headers: { 'last-event-id': '1' } })).text();
    server.close();
    expect(whole).toMatch(/^id: 1\ndata: \{"type":"replyCommitted"/m);
    expect(textOf(whole)).toBe(`I look.${ANSWER}`);
    expect(textOf(rest)).toBe(ANSWER);
    expect(rest).toContain('callFinished');
  });
});

function textOf(stream: string): string {
  const events = [...stream.matchAll(/^data: (.*)$/gm)].map(
    ([, data = '']) => JSON.parse(data) as TurnStreamEvent,
  );
  return events.map((event) => (event.type === 'textDelta' ? event.text : '')).join('');
}

import { expect, test } from 'vitest';
import { ToolError } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { until } from '../fixtures/until.ts';
import { latch } from '../fixtures/waiting-turns.ts';
import { startPlait } from '../fixtures/plait.ts';
import { handedOn, newSessionId, rejectedRequests } from '../fixtures/sessions.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

// `text.slice(0, n)` cuts an emoji in two. The API rejects a request with half of one, and every later request
// of the conversation that it stands in.

const HALF = 'cut \ud83d';
const MENDED = 'cut \ufffd';

test('half an emoji from a person or a tool reaches the model as a replacement character', async () => {
  const hold = latch();
  const tokens: string[] = [];
  const agent = agentWith([
    writer('pay', () => 'paid', { approval: 'always' }),
    writer('refund', () => 'refunded', { approval: 'always' }),
    writer('parcel', (_input, { later }) => {
      const waiting = later();
      tokens.push(waiting.token);
      return waiting;
    }),
    reader('look', () => HALF),
    reader('break', () => {
      throw new ToolError(HALF, { retryable: false });
    }),
    reader('hold', () => hold.opened),
  ]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation(MENDED, [
      callTools([
        ['pay', {}, 'toolu_pay'],
        ['refund', { a: 1 }, 'toolu_refund'],
        ['parcel', {}],
        ['look', {}],
        ['break', {}],
        ['hold', {}],
      ]),
      say('Done.'),
    ]),
  });
  const session = await plait.agents.startSession(agent, {
    sessionId: newSessionId(),
    messages: [
      { role: 'user', content: HALF },
      { role: 'assistant', content: [{ type: 'text', text: HALF }] },
    ],
  });
  const turn = await session.send([{ type: 'text', text: HALF }]);
  await waitingCalls(turn, 2);
  // Later it would be read only after the model has ended its turn.
  await handedOn(plait.agents, await session.send(HALF, { whenBusy: 'steer' }));
  await turn.deny('toolu_pay', { by: HALF, reason: HALF });
  await turn.approve('toolu_refund', { by: HALF, input: { a: HALF } });
  await until(
    () => tokens.length,
    (length) => length === 1,
  );
  await plait.agents.completeToolCall(tokens[0] ?? '', { said: HALF });
  hold.open();

  const { text, messages } = await turn.result();
  expect(text).toBe('Done.');
  expect(rejectedRequests(plait.model)).toEqual([]);
  const sent = JSON.stringify(plait.model.requests.at(-1)?.body?.messages);
  expect(sent.split(MENDED).length).toBeGreaterThan(6);
  expect(sent.isWellFormed()).toBe(true);
  expect(JSON.stringify(messages)).not.toMatch(/(?<!\\)\\ud83d/);
});

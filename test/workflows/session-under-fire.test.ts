import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { expect, inject, onTestFinished, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import type { SessionTurnHandle } from '../../client/index.ts';
import { AgentClient } from '../../client/index.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { callTools, say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const CLIENTS = 3;
const MESSAGES = 20;

/** Every tenth message needs a person, every tenth a completion from outside, and every tenth a tool. */
const script: Script = ({ userText, round }) => {
  if (round === 0 && /[37]$/.test(userText)) return callTools({ look: {} });
  if (round === 0 && userText.endsWith('4')) return callTools({ refund: {}, look: {} });
  if (round === 0 && userText.endsWith('8')) return callTools({ parcel: {}, look: {} });
  return say(`You said: ${userText}`);
};

interface Sent {
  client: number;
  text: string;
  key: string;
  turn: SessionTurnHandle;
}

test('a session that keeps going on in new runs loses no message of several clients, doubles none, and keeps the order of each client', async () => {
  const tokens: string[] = [];
  const agent = agentWith(
    [
      reader('look', () => 'seen'),
      writer('refund', () => 'paid', { approval: 'always' }),
      writer('parcel', (_input, { later }) => {
        const handedOver = later();
        tokens.push(handedOver.token);
        return handedOver;
      }),
    ],
    { historyEvents: 20 },
  );
  await using plait = await startPlait({ agents: [agent], script, debugMode: false });
  const sessionId = `fire-${randomUUID()}`;
  const session = plait.agents.openSession(agent, sessionId);

  // Decisions and deliveries are made while others send.
  const over = new AbortController();
  const decidedWhile = (async () => {
    while (!over.signal.aborted) {
      for (const token of tokens.splice(0)) {
        await sleep(150);
        await plait.agents.completeToolCall(token, 'delivered');
      }
      const { runningTurn } = await session.describe().catch(() => ({ runningTurn: undefined }));
      const turn = plait.agents.getTurn(runningTurn ?? 'none');
      // It may not have begun yet, or have ended.
      for (const { callId } of await turn.approvals().catch(() => [])) {
        await sleep(150);
        await turn.approve(callId, { by: 'ana' });
      }
      await sleep(20);
    }
  })();

  const sent = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const connection = await Connection.connect(
        withDefaults({ address: inject('temporalAddress') }),
      );
      onTestFinished(() => connection.close());
      const agents = new AgentClient({
        client: new Client({ connection }),
        taskQueue: plait.taskQueue,
      });
      const own = agents.openSession(agent, sessionId);
      const mine: Sent[] = [];
      for (let i = 0; i < MESSAGES; i += 1) {
        const [text, key] = [`client ${client} message ${i}`, `key-${client}-${i}`];
        const turn = await own.send(text, { idempotencyKey: key });
        mine.push({ client, text, key, turn });
        if (i % 5 === 0) await turn.result();
        // A third of them again, some of them many runs later.
        const again = mine[i - (i % 4) * 5];
        if (i % 3 !== 0 || again === undefined) continue;
        const same = await own.send(again.text, { idempotencyKey: again.key });
        expect(same.turnId).toBe(again.turn.turnId);
      }
      return mine;
    }),
  );
  const all = sent.flat();
  const results = await Promise.all(all.map(({ turn }) => turn.result()));
  over.abort();
  await decidedWhile;

  expect(results.map(({ text }) => text)).toEqual(all.map(({ text }) => `You said: ${text}`));
  const { messages, total } = await session.transcript();
  expect(total).toBe(messages.length);
  const said = userTexts(messages);
  expect(said.toSorted()).toEqual(all.map(({ text }) => text).toSorted());
  for (let client = 0; client < CLIENTS; client += 1) {
    const texts = said.filter((text) => text.startsWith(`client ${client} `));
    expect(texts).toEqual(Array.from(texts, (__, i) => `client ${client} message ${i}`));
  }
  const outcomes = results.flatMap(({ calls }) => calls.map(({ outcome }) => outcome));
  expect(new Set(outcomes)).toEqual(new Set(['succeeded']));
  expect(await session.describe()).toMatchObject({ turns: CLIENTS * MESSAGES, status: 'idle' });
  const { raw, runId } = await session.workflow.describe();
  expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
});

function userTexts(messages: readonly Message[]): string[] {
  return messages.flatMap(({ role, content }) =>
    role === 'user' && typeof content === 'string' ? [content] : [],
  );
}

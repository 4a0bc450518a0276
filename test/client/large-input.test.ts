import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import {
  AgentClient,
  CompletionRejectedError,
  DecisionRejectedError,
  InvalidSessionError,
  InvalidTurnError,
  SendRejectedError,
} from '../../client/index.ts';
import { encodeCallToken } from '../../core/calls/token.ts';

describe('without a storage, anything larger than a payload is an error at once', () => {
  let connection: Connection;
  let agents: AgentClient;

  beforeAll(async () => {
    connection = await Connection.connect(withDefaults({ address: inject('temporalAddress') }));
    agents = new AgentClient({ client: new Client({ connection }), taskQueue: 'served-by-nobody' });
  });

  afterAll(async () => connection.close());

  const token = encodeCallToken({ turnId: 't', callId: 'c', key: 'k' });

  test.for([2_500_000, 5_000_000, 9_000_000])('%d bytes', async (size) => {
    const big = 'x'.repeat(size);
    const by = 'ana';
    const cases: [() => Promise<unknown>, new (...args: never[]) => Error, RegExp][] = [
      [() => agents.start('a', big), InvalidTurnError, /^input has/],
      [() => agents.execute('a', big), InvalidTurnError, /^input has/],
      [() => agents.start('a', [{ type: 'text', text: big }]), InvalidTurnError, /^input has/],
      [() => agents.start('a', 'go', { context: { big } }), InvalidTurnError, /^context has/],
      [() => agents.startSession('a', { context: big }), InvalidSessionError, /^context has/],
      [
        () => agents.startSession('a', { messages: [{ role: 'user', content: big }] }),
        InvalidSessionError,
        /^messages has/,
      ],
      [
        async () => agents.openSession('a', 's', { context: { big } }),
        InvalidSessionError,
        /^context has/,
      ],
      [() => agents.openSession('a', 's').send(big), SendRejectedError, /input has/],
      [() => agents.getSession('s').send(big), SendRejectedError, /input has/],
      [() => agents.getTurn('t').approve('c', { by, input: big }), DecisionRejectedError, /bytes/],
      [() => agents.getTurn('t').deny('c', { by, reason: big }), DecisionRejectedError, /bytes/],
      [() => agents.completeToolCall(token, big), CompletionRejectedError, /bytes/],
      [() => agents.failToolCall(token, big), CompletionRejectedError, /bytes/],
    ];
    for (const [request, kind, says] of cases) {
      const error = await request().then(
        () => undefined,
        (thrown: unknown) => thrown as Error,
      );
      expect(error, String(request)).toBeInstanceOf(kind);
      expect(error?.message).toMatch(says);
      expect(error?.message).toMatch(/2000000/);
      expect(error?.message).toContain('`storage`');
    }
  });

  test('and a value that no storage helps with gets another error', async () => {
    await expect(agents.start('a', 'x'.repeat(10_000_001))).rejects.toThrow(
      'input has more than 10000000 characters of text',
    );
  });
});

import { describe, expect, test } from 'vitest';
import { until, untilItWaits } from '../fixtures/until.ts';
import { begin, latch } from '../fixtures/waiting-turns.ts';
import { startPlait } from '../fixtures/plait.ts';
import { echo, newSessionId } from '../fixtures/sessions.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const by = 'ana@acme';

// A worker that has a workflow not in its cache, because it has just been started or has too many,
// gives it an Update together with what came in workflow tasks before that decided nothing. When the
// history is replayed, it gives it one after the other. https://github.com/temporalio/sdk-rust/issues/1146
describe('if no worker has it in its cache,', () => {
  test('a session that has only waited so far goes on, and can be read when it is closed', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: echo, maxCachedWorkflows: 0 });
    const session = await plait.agents.startSession(agent, { sessionId: newSessionId() });
    await untilItWaits(session);

    for (const text of ['one', 'two']) {
      expect(await (await session.send(text)).result()).toMatchObject({
        text: `You said: ${text}`,
      });
    }
    await session.close();
    await session.workflow.result();
    expect(await session.transcript()).toMatchObject({ messages: { length: 4 } });
  });

  test('a session that is closed before its first message can be read', async () => {
    const agent = agentWith([]);
    await using plait = await startPlait({ agents: [agent], script: echo, maxCachedWorkflows: 0 });
    const session = await plait.agents.startSession(agent, { sessionId: newSessionId() });
    await untilItWaits(session);

    await session.close();
    await session.workflow.result();
    expect(await session.describe()).toMatchObject({ status: 'closed' });
  });

  test.each(['approve', 'deny', 'complete'] as const)(
    'a turn accepts what comes right after results that have decided nothing: %s',
    async (decision) => {
      const gates = { a: latch(), b: latch() };
      let token = '';
      const reads = { access: { reads: 'path' } } as const;
      const { plait, turn } = await begin(
        [
          reader('a', () => gates.a.opened.then(() => 'a')),
          reader('b', () => gates.b.opened.then(() => 'b'), reads),
          writer('pay', () => 'paid', { approval: 'always', access: { writes: 'path' } }),
          writer(
            'later',
            (_, ctx) => {
              const handedOver = ctx.later();
              ({ token } = handedOver);
              return handedOver;
            },
            reads,
          ),
          writer('after', () => 'after', { access: { writes: 'path' } }),
        ],
        [
          ['a', {}],
          ['b', { path: 'x' }],
          [decision === 'complete' ? 'later' : 'pay', { path: 'x' }, 'toolu_waits'],
          ['after', { path: 'x' }],
        ],
        { environment: { maxCachedWorkflows: 0 } },
      );
      await using _ = plait;
      await until(
        () => turn.describe(),
        ({ pendingCalls }) => pendingCalls.length === 2,
      );
      await untilItWaits(turn);
      // Each result comes in a workflow task of its own, and after the first of them nothing is decided.
      for (const [name, gate] of Object.entries(gates)) {
        gate.open();
        await until(
          () => turn.describe(),
          ({ pendingCalls }) => !pendingCalls.some((call) => call.name === name),
        );
        await untilItWaits(turn);
      }
      if (decision === 'complete') await plait.agents.completeToolCall(token, 'completed');
      else await turn[decision]('toolu_waits', { by });

      expect(await turn.result()).toMatchObject({ stopReason: 'end_turn', text: 'Done.' });
      expect(await turn.workflow.query('__stack_trace')).toBeDefined();
    },
  );
});

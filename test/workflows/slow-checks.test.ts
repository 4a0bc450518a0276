import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, writer } from '../fixtures/tools.ts';
import { latch, rejection } from '../fixtures/waiting-turns.ts';

/** To take it apart in every way takes years. */
const TEXT = `${'a'.repeat(60)}!`;
const pattern = String.raw`^(\w+\s?)*$`;
const slow = z.string().regex(new RegExp(pattern));

const NOT_CHECKED =
  'The input could not be checked against the schema of search within 100 ms, so the tool did not run. Send a shorter or simpler one.';

const search = defineTool({
  name: 'search',
  description: 'Searches.',
  inputSchema: { type: 'object', properties: { text: { type: 'string', pattern } } },
  run: () => 'found',
});

test('a refund succeeds while another turn makes calls that cannot be checked', async () => {
  const signals: AbortSignal[] = [];
  const begun = latch();
  const checked = latch();
  const billing = agentWith([
    writer(
      'refund',
      async (_input, { signal }) => {
        signals.push(signal);
        begun.open();
        await checked.opened;
        return 'refunded';
      },
      { activity: { heartbeatTimeout: '1s' } },
    ),
  ]);
  const searching = defineAgent({ name: 'searcher', model: 'claude-opus-5-5', tools: [search] });
  const calls = Array.from({ length: 12 }, () => ['search', { text: TEXT }] as const);
  await using plait = await startPlait({
    agents: [billing, searching],
    script: (request) =>
      conversation('refund it', [callTools({ refund: {} }), say('Refunded.')])(request) ??
      conversation('search', [callTools([...calls, ['search', { text: 'a b' }]]), say('Found.')])(
        request,
      ),
  });

  const refunding = await plait.agents.start(billing, 'refund it');
  await begun.opened;
  const found = await plait.agents.execute(searching, 'search');
  checked.open();
  const refunded = await refunding.result();

  expect(found.calls.slice(0, -1).map(({ outcome, message }) => [outcome, message])).toEqual(
    calls.map(() => ['failed', NOT_CHECKED]),
  );
  expect(found.calls.at(-1)).toMatchObject({ outcome: 'succeeded', attempts: 1 });
  expect(refunded.calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
});

test('an edited input that cannot be checked is rejected, and the call keeps waiting', async () => {
  const asking = defineTool({
    name: 'search',
    description: 'Searches.',
    inputSchema: z.object({ text: slow }),
    approval: 'always',
    run: () => 'found',
  });
  const agent = agentWith([asking]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools([['search', { text: 'a' }, 'toolu_1']]), say('Found.')]),
  });
  const turn = await plait.agents.start(agent, 'go');
  await waitingCalls(turn, 1);

  const error = await rejection(turn.approve('toolu_1', { by: 'ana', input: { text: TEXT } }));

  expect(error?.message).toContain(NOT_CHECKED);
  await turn.approve('toolu_1', { by: 'ana' });
  expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded' }]);
});

test('a context that cannot be checked fails its turn at once, with words for the caller', async () => {
  const agent = defineAgent({
    name: 'tester',
    model: 'claude-opus-5-5',
    tools: [],
    contextSchema: z.object({ user: slow }),
  });
  await using plait = await startPlait({ agents: [agent], script: () => say('Never said.') });

  const error = await rejection(plait.agents.execute(agent, 'go', { context: { user: TEXT } }));

  expect(error?.message).toContain(
    'context of agent tester could not be checked against its contextSchema within 100 ms; give a smaller or simpler one',
  );
});

test('an answer that cannot be checked is requested again', async () => {
  const agent = defineAgent({
    name: 'tester',
    model: 'claude-opus-5-5',
    tools: [],
    output: z.object({ text: slow }),
  });
  await using plait = await startPlait({
    agents: [agent],
    script: ({ body }) => say(JSON.stringify({ text: body.messages.length === 1 ? TEXT : 'a b' })),
  });

  const { output, messages } = await plait.agents.execute(agent, 'go');

  expect(output).toEqual({ text: 'a b' });
  expect(JSON.stringify(messages[2])).toContain(
    'It could not be checked within 100 ms. Send a shorter or simpler one.',
  );
});

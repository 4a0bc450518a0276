import { expect, test } from 'vitest';
import { defined } from '../../core/json.ts';
import { turnAttributes } from '../../core/search-attributes.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

interface Seen {
  turnId: string;
  callId: string;
  agent: string;
  user?: string | undefined;
  sessionId?: string | undefined;
}

const only = ({ turnId, callId, agent, user, sessionId }: Seen): Seen => ({
  turnId,
  callId,
  agent,
  ...defined({ user, sessionId }),
});

test('a tool, its approval function and onApproval get the call, its turn, its session and its user', async () => {
  const seen: [where: string, seen: Seen][] = [];
  const look = reader('look', (_input, ctx) => void seen.push(['run', only(ctx)]), {
    approval: (_input, ctx) => {
      seen.push(['approval', only(ctx)]);
      return ctx.sessionId !== undefined;
    },
  });
  const agent = agentWith([look], {
    onApproval: (request) => void seen.push(['onApproval', only(request)]),
  });
  const script = conversation(/./, [callTools({ look: {} }), say('Done.')]);
  await using plait = await startPlait({ agents: [agent], script });
  const { agents, taskQueue } = plait;
  const wheres = (id: string) =>
    seen.flatMap(([where, { turnId, agent: name, user, sessionId }]) =>
      turnId === id ? [[where, defined({ agent: name, user, sessionId })]] : [],
    );

  const alone = await agents.start(agent, 'go', { user: 'ada' });
  const { calls } = await alone.result();
  expect(seen.map(([, { callId }]) => callId)).toEqual([calls[0]?.id, calls[0]?.id]);
  expect(wheres(alone.turnId)).toEqual([
    ['approval', { agent: 'tester', user: 'ada' }],
    ['run', { agent: 'tester', user: 'ada' }],
  ]);

  const session = agents.openSession(agent, `s-${taskQueue}`, { user: 'bob' });
  const turn = await session.send('go');
  const announced = () => seen.find(([where]) => where === 'onApproval')?.[1].callId;
  await expect.poll(announced, { timeout: 60_000 }).toBeDefined();
  await turn.approve(announced() ?? '', { by: 'ana@acme' });
  await turn.result();
  const about = { agent: 'tester', user: 'bob', sessionId: session.sessionId };
  expect(wheres(turn.turnId)).toEqual([
    ['approval', about],
    ['onApproval', about],
    ['run', about],
  ]);

  // Started before the memo had the user, or by a plain client.
  const workflow = await agents.client.workflow.start('agentTurn', {
    workflowId: `plain-${taskQueue}`,
    taskQueue,
    args: [{ agent: 'tester', input: 'go' }],
    typedSearchAttributes: turnAttributes({ agent: 'tester', user: 'eve' }),
  });
  await workflow.result();
  expect(wheres(workflow.workflowId).at(-1)).toEqual(['run', { agent: 'tester', user: 'eve' }]);
});

import { expect, test } from 'vitest';
import type { TurnSnapshot } from '../../client/index.ts';
import { DecisionRejectedError } from '../../client/index.ts';
import { allCallsOf } from '../../client/follow/sub-agents.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, forAgent, script } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentNamed, ask } from '../fixtures/sub-agents.ts';
import { writer } from '../fixtures/tools.ts';
import { insist, until } from '../fixtures/until.ts';

const paid: unknown[] = [];
const pay = writer(
  'pay',
  (input) => {
    paid.push(input);
    return 'paid';
  },
  { approval: 'always' },
);
const cashier = agentNamed('cashier', [pay]);
const guide = agentNamed('guide', [ask(cashier)]);
const lead = agentNamed('lead', [ask(guide)]);

const replies = script(
  forAgent(lead, conversation('go', [callTools({ guide: { prompt: 'pay both' } }), say('Done.')])),
  forAgent(
    guide,
    conversation('pay both', [
      callTools([
        ['cashier', { prompt: 'pay 1' }],
        ['cashier', { prompt: 'pay 2' }],
      ]),
      ({ toolResults }) => say(JSON.stringify(toolResults.map(({ content }) => content))),
    ]),
  ),
  forAgent(
    cashier,
    conversation(/^pay/, [
      ({ userText }) => callTools({ pay: { amount: Number(userText.slice(4)) } }),
      ({ resultOf }) => say(`It is ${resultOf('pay')}.`),
    ]),
  ),
);

const amountOf = ({ input }: { input: unknown }) => (input as { amount: number }).amount;

test('calls of sub-agents wait for a person at the calling turn, which shows who asks and accepts the decision', async () => {
  await using plait = await startPlait({ agents: [lead], script: replies });
  const turn = await plait.agents.start(lead, 'go');
  const snapshots: TurnSnapshot[] = [];
  const watching = (async () => {
    for await (const snapshot of turn.watch()) snapshots.push(snapshot);
  })();

  const waiting = await until(
    () => insist(() => turn.approvals()),
    (requests) => requests.length === 2,
  );
  const [first, second] = waiting.toSorted((a, b) => amountOf(a) - amountOf(b));
  expect(first).toMatchObject({ tool: 'pay', subAgent: { path: ['lead', 'guide', 'cashier'] } });
  expect(first?.subAgent?.turnId).toMatch(new RegExp(`^${turn.turnId}\\.toolu_\\w+\\.toolu_\\w+$`));

  // In the list of all turns they stand under the turn that asks, with the same path.
  const listed = await until(
    async () => {
      const calls = [];
      for await (const call of plait.agents.approvals({
        query: `TaskQueue = "${plait.taskQueue}"`,
      }))
        calls.push(call);
      return calls;
    },
    (calls) => calls.length === 2,
  );
  expect(listed.map(({ turnId, subAgent }) => [turnId, subAgent?.path.at(-1)])).toEqual(
    expect.arrayContaining([[first?.subAgent?.turnId, 'cashier']]),
  );

  await expect(turn.approve('toolu_other', { by: 'ana' })).rejects.toThrow(DecisionRejectedError);
  await insist(() => turn.approve(first?.callId ?? '', { by: 'ana', input: { amount: 7 } }));
  await insist(() => turn.deny(second?.callId ?? '', { by: 'ana', reason: 'Too much.' }));
  const result = await turn.result();
  await watching;

  expect(paid).toEqual([{ amount: 7 }]);
  expect(result.stopReason).toBe('end_turn');
  const guided = await plait.agents.getTurn(result.calls[0]?.subAgent?.turnId ?? '').result();
  expect(guided.text).toContain('Too much.');
  expect(guided.text).toMatch(
    /It is .*It ran with: .*7.*paid.*It is A person denied this call, so it did not run: Too much/s,
  );

  // While they waited, the snapshots of the turn showed it, with the turns of both levels in their calls.
  const shown = snapshots.find(
    (snapshot) => allCallsOf(snapshot).filter(({ state }) => state === 'waiting').length === 2,
  );
  expect(shown?.rounds[0]?.calls[0]).toMatchObject({
    name: 'guide',
    state: 'running',
    subAgent: {
      agent: 'guide',
      turn: { agent: 'guide', rounds: [{ calls: [{ subAgent: { agent: 'cashier' } }, {}] }] },
    },
  });
  expect(snapshots.at(-1)).toMatchObject({ status: 'completed', stopReason: 'end_turn' });
  const ended = allCallsOf(snapshots.at(-1) as TurnSnapshot).map(({ name, state }) => [
    name,
    state,
  ]);
  expect(ended).toEqual([
    ['guide', 'succeeded'],
    ['cashier', 'succeeded'],
    ['pay', 'succeeded'],
    ['cashier', 'succeeded'],
    ['pay', 'denied'],
  ]);
});

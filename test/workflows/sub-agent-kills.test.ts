import { expect, test } from 'vitest';
import { expectTurn } from '../../testing/expect-turn.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { Stage } from '../fixtures/stage.ts';
import { insist } from '../fixtures/until.ts';
import { workerProcesses } from '../fixtures/worker-processes.ts';

test('workers that are killed at every stage double no sub-agent and none of its calls, and leave nothing open', async () => {
  const asking = new Stage();
  const begun = new Stage(2);
  const ending = new Stage(2);
  const last = new Stage();
  await using workers = await workerProcesses(
    script(
      conversation('go', [
        asking.holds(
          callTools([
            ['helper', { prompt: 'look' }],
            ['helper', { prompt: 'pay' }],
          ]),
        ),
        last.holds(say('Done.')),
      ]),
      conversation('look', [
        begun.holds(callTools({ look: { ms: 600_000 } })),
        ending.holds(say('Looked.')),
      ]),
      conversation('pay', [
        begun.holds(callTools({ pay: { ms: 600_000 } })),
        ending.holds(say('Paid?')),
      ]),
    ),
  );
  await workers.start();
  const turn = await workers.agents.start('lead', 'go');

  // While the calling model is asked, and while those of both sub-agents are.
  for (const stage of [asking, begun]) {
    await stage.reached.promise;
    await workers.replaceOldest();
    stage.over();
  }
  // While their tools run.
  await workers.journal.waitFor('begin look');
  await workers.journal.waitFor('begin pay');
  await workers.replaceOldest();
  // While their models read the results, and while the calling model reads theirs.
  for (const stage of [ending, last]) {
    await stage.reached.promise;
    await workers.replaceOldest();
    stage.over();
  }
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.' });
  expectTurn(result).answeredEveryCall();
  expect(result.calls.map(({ outcome, subAgent }) => [outcome, subAgent?.rounds])).toEqual([
    ['succeeded', 2],
    ['succeeded', 2],
  ]);
  const { events } = await turn.workflow.fetchHistory();
  const started = (events ?? []).flatMap(
    ({ startChildWorkflowExecutionInitiatedEventAttributes: child }) => child?.workflowId ?? [],
  );
  expect(started).toEqual(result.calls.map(({ subAgent }) => subAgent?.turnId));
  const [looked, paid] = await Promise.all(
    started.map((turnId) => workers.agents.getTurn(turnId).result()),
  );
  expect(looked?.calls).toMatchObject([{ name: 'look', outcome: 'succeeded' }]);
  // It had begun, and nobody has seen its end.
  expect(paid?.calls).toMatchObject([{ name: 'pay', outcome: 'unknown' }]);
  expect(workers.journal.lines('begin pay')).toHaveLength(1);
  expect(workers.journal.lines('end look')).toHaveLength(1);
  for (const turnId of started) {
    const { status } = await workers.agents.getTurn(turnId).workflow.describe();
    expect(status.name).toBe('COMPLETED');
  }
});

test('workers that are killed while sub-agents work in the background double nothing, and their results still come', async () => {
  const begun = new Stage(2);
  const ending = new Stage();
  const last = new Stage();
  await using workers = await workerProcesses(
    script(
      conversation('go', [
        callTools([
          ['helper', { prompt: 'look' }, 'toolu_look'],
          ['helper', { prompt: 'pay' }, 'toolu_pay'],
        ]),
        callTools([['get_agent_result', { id: 'toolu_look' }, 'toolu_read']]),
        last.holds(say('I wait for the other.')),
        say('Done.'),
      ]),
      conversation('look', [
        begun.holds(callTools({ look: { ms: 600_000 } })),
        ending.holds(say('Looked.')),
      ]),
      conversation('pay', [begun.holds(callTools({ parcel: {} })), say('Paid.')]),
    ),
  );
  await workers.start();
  const turn = await workers.agents.start('editor', 'go');

  // While both sub-agents ask their models, while a tool runs and the turn waits, and while it is answered.
  await begun.reached.promise;
  await workers.replaceOldest();
  begun.over();
  await workers.journal.waitFor('begin look');
  await workers.journal.waitFor('token');
  await workers.replaceOldest();
  for (const stage of [ending, last]) {
    await stage.reached.promise;
    await workers.replaceOldest();
    stage.over();
  }
  const [token = ''] = workers.journal.lines('token').map((line) => line.slice('token '.length));
  await insist(() => workers.agents.completeToolCall(token, 'delivered'));
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.', rounds: 4 });
  expectTurn(result).answeredEveryCall();
  expect(
    result.calls.map(({ id, outcome, late, subAgent }) => [id, outcome, late, subAgent?.rounds]),
  ).toEqual([
    ['toolu_look', 'succeeded', true, 2],
    ['toolu_pay', 'succeeded', true, 2],
    ['toolu_read', 'succeeded', undefined, undefined],
  ]);
  const texts = JSON.stringify(result.messages);
  expect(texts.match(/Looked\./g)).toHaveLength(1);
  expect(texts.match(/Paid\./g)).toHaveLength(1);
  const { events } = await turn.workflow.fetchHistory();
  const started = (events ?? []).flatMap(
    ({ startChildWorkflowExecutionInitiatedEventAttributes: child }) => child?.workflowId ?? [],
  );
  expect(started).toEqual(result.calls.slice(0, 2).map(({ subAgent }) => subAgent?.turnId));
  expect(workers.journal.lines('end look')).toHaveLength(1);
  for (const turnId of started) {
    const { status } = await workers.agents.getTurn(turnId).workflow.describe();
    expect(status.name).toBe('COMPLETED');
  }
});

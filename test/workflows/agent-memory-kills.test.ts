import { expect, test } from 'vitest';
import { expectTurn } from '../../testing/expect-turn.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { Stage } from '../fixtures/stage.ts';
import { insist } from '../fixtures/until.ts';
import { workerProcesses } from '../fixtures/worker-processes.ts';

test('workers that are killed while a session answers calls send nothing twice, and no call is lost', async () => {
  const begun = new Stage();
  const ending = new Stage();
  const last = new Stage();
  await using workers = await workerProcesses(
    script(
      conversation('go', [
        callTools([
          ['helper', { prompt: 'look' }],
          ['helper', { prompt: 'pay' }],
        ]),
        last.holds(say('Done.')),
      ]),
      conversation('look', [
        begun.holds(callTools({ look: { ms: 0 } })),
        ending.holds(say('Looked.')),
      ]),
      conversation('pay', [
        callTools({ pay: { ms: 0 } }),
        ({ body }) => say(`Paid, after ${body.messages.length - 3} messages.`),
      ]),
    ),
  );
  await workers.start();
  const turn = await workers.agents.start('keeper', 'go');

  // While the model of the session is asked, for the first time and for the last, and while the calling model
  // reads the answers. Both turns and the session lose their worker, and so does what waits for the answer.
  for (const stage of [begun, ending, last]) {
    await stage.reached.promise;
    await workers.replaceOldest();
    stage.over();
  }
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', text: 'Done.' });
  expectTurn(result).answeredEveryCall();
  const sessionId = `memory-${turn.turnId}`;
  expect(result.calls.map(({ outcome, subAgent }) => [outcome, subAgent?.turnId])).toEqual([
    ['succeeded', `${sessionId}.turn-1`],
    ['succeeded', `${sessionId}.turn-2`],
  ]);
  // The second call has read the first, and both were sent once.
  expect(JSON.stringify(result.messages)).toContain('Paid, after 4 messages.');
  const session = workers.agents.getSession(sessionId);
  expect(await insist(() => session.describe())).toMatchObject({ turns: 2, waitingTurns: [] });
  expect(workers.journal.lines('end look')).toHaveLength(1);
  expect(workers.journal.lines('begin pay')).toHaveLength(1);
});

// A report on every weekday morning: a Temporal schedule starts the turns.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScheduleNotFoundError } from '@temporalio/client';
import type { ScheduleHandle } from '@temporalio/client';
import type { TurnArgs } from 'plait';
import { AgentClient } from 'plait/client';
import { expectTurn } from 'plait/testing';
import { createWorker } from 'plait/worker';
import { reporter } from './agent.ts';

const worker = await createWorker({ agents: [reporter] });
await worker.runUntil(async () => {
  await using agents = new AgentClient();
  const turn: TurnArgs = { agent: reporter.name, input: 'Which tickets are open?' };
  const schedule = await agents.client.schedule.create({
    scheduleId: `morning-report-${randomUUID()}`,
    spec: {
      calendars: [{ dayOfWeek: { start: 'MONDAY', end: 'FRIDAY' }, hour: 8 }],
      timezone: 'Europe/Berlin',
    },
    action: { type: 'startWorkflow', workflowType: 'agentTurn', taskQueue: 'plait', args: [turn] },
  });
  const { info } = await schedule.describe();
  console.log(`created    next turn at ${info.nextActionTimes[0]?.toISOString()}`);

  await schedule.trigger(); // now, beside the calendar
  const result = await agents.getTurn(await firstTurn(schedule)).result();
  console.log(`triggered  ${result.text}`);
  expectTurn(result).ended('end_turn').outcome('get_tickets', 'succeeded');

  await schedule.pause('Nobody is here until January.');
  const { state } = await schedule.describe();
  console.log(`paused     ${state.note}`);
  assert.equal(state.paused, true, 'the schedule must be paused');

  await schedule.delete();
  await assert.rejects(schedule.describe(), ScheduleNotFoundError);
  console.log('deleted');
});

/** The id of the first turn that the schedule has started. The server lists it a moment later. */
async function firstTurn(schedule: ScheduleHandle): Promise<string> {
  for (;;) {
    const [first] = (await schedule.describe()).info.recentActions;
    if (first !== undefined) return first.action.workflow.workflowId;
    await sleep(100);
  }
}

import type { Client } from '@temporalio/client';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { TurnArgs } from 'plait';

const keyword = (name: string) => defineSearchAttributeKey(name, 'KEYWORD');

/** A report on every weekday at 8 in the morning. */
export async function scheduleMorningReport(client: Client, scheduleId = 'morning-report') {
  const turn: TurnArgs = { agent: 'support', input: 'Which tickets are open?' };
  return await client.schedule.create({
    scheduleId,
    spec: {
      calendars: [{ dayOfWeek: { start: 'MONDAY', end: 'FRIDAY' }, hour: 8 }],
      timezone: 'Europe/Berlin',
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1h' },
    action: {
      type: 'startWorkflow',
      workflowType: 'agentTurn',
      workflowId: scheduleId, // Temporal appends the time: morning-report-2026-11-30T07:00:00Z
      taskQueue: 'tickets',
      args: [turn],
      memo: { agent: 'support', user: 'morning-report' },
      typedSearchAttributes: [
        { key: keyword('PlaitAgent'), value: 'support' },
        { key: keyword('PlaitUser'), value: 'morning-report' },
        { key: keyword('PlaitStopReason'), value: 'end_turn' }, // the turn changes it if it ends otherwise
      ],
    },
  });
}

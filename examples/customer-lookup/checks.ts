// The demo asserts what it shows, except times, which depend on how busy the machine is. For a live model it
// asserts only what must hold whatever the model says.

import assert from 'node:assert/strict';
import type { TurnResult } from 'plait';
import type { TurnHandle } from 'plait/client';

/** Every call is answered once, in the very next message, in call order. */
export function checkAnswered(result: TurnResult): void {
  const { messages, stopReason } = result;
  assert.equal(stopReason, 'end_turn');
  for (const [i, { role, content }] of messages.entries()) {
    const asked = typeof content === 'string' || role === 'user' ? [] : content;
    const ids = asked.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
    if (ids.length === 0) continue;
    const next = messages[i + 1]?.content;
    const answered = (Array.isArray(next) ? next : []).map((block) =>
      block.type === 'tool_result' ? block.tool_use_id : block.type,
    );
    assert.deepEqual(answered, ids, 'every call must be answered once and in order');
  }
}

export function checkFullPicture(result: TurnResult): void {
  checkAnswered(result);
  const { calls, rounds, text } = result;
  assert.equal(rounds, 2);
  assert.deepEqual(
    calls.map(({ name, outcome, round }) => [name, outcome, round]),
    [
      ['get_customer', 'succeeded', 1],
      ['get_orders', 'succeeded', 1],
      ['get_tickets', 'succeeded', 1],
    ],
  );
  assert.match(text, /Ada Martin.*A-1093.*Invoice/s);
}

/** All calls of the turn were scheduled before the first one ended. The history says so on any machine. */
export async function checkAtOnce({ workflow }: TurnHandle, result: TurnResult): Promise<void> {
  const { events } = await workflow.fetchHistory();
  const tools = new Set(result.calls.map(({ name }) => name));
  const scheduled: string[] = [];
  for (const event of events ?? []) {
    const tool = event.activityTaskScheduledEventAttributes?.activityType?.name ?? '';
    if (tools.has(tool)) scheduled.push(String(event.eventId));
    const ended = event.activityTaskCompletedEventAttributes?.scheduledEventId;
    if (scheduled.includes(String(ended))) break;
  }
  assert.equal(scheduled.length, result.calls.length, 'calls must run at once');
}

export function checkOneByOne(result: TurnResult): void {
  checkAnswered(result);
  assert.deepEqual(
    result.calls.map(({ outcome, round }) => [outcome, round]),
    [1, 2, 3].map((round) => ['succeeded', round]),
  );
}

export function checkBrokenOrders(result: TurnResult): void {
  checkAnswered(result);
  assert.deepEqual(
    result.calls.map(({ name, outcome, attempts }) => [name, outcome, attempts]),
    [
      ['get_customer', 'succeeded', 1],
      ['get_orders', 'failed', 3],
      ['get_tickets', 'succeeded', 1],
    ],
  );
  assert.match(result.calls[1]?.message ?? '', /ECONNREFUSED.*after 3 attempts/);
  assert.match(result.text, /Jo Okafor.*ECONNREFUSED.*second seat/s);
}

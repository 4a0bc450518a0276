import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findCarriedProblem } from '../../../core/session/carried.ts';
import { continuedTurn, findBeginningProblem } from '../../../core/turn/beginning.ts';
import { addSteering, beginTurn } from '../../../core/turn/state.ts';
import { call } from '../arbitraries.ts';
import { pinned } from './decide-fixture.ts';

const about = { agent: pinned('storage'), ofSession: true, begunAt: 7 };
const message = { turnId: 'chat.turn-2', input: 'Be quick.' };
const begun = beginTurn([{ role: 'user', content: 'go' }]);

test('a turn that continues as new is read unchanged', () => {
  const turn = { ...about, state: addSteering(begun, message), seen: ['a'] };
  expect(continuedTurn(turn)).toEqual(turn);
});

test('steering messages, seen Updates and invalid calls are read under their old names', () => {
  const { steering: _, ...state } = begun;
  const invalid = { message: 'There is no tool named pay.' };
  const recorded = {
    ...about,
    state,
    notes: [message],
    taken: ['a'],
    prepared: [{ type: 'refused' as const, ...invalid }],
  };
  expect(continuedTurn(recorded)).toEqual({
    ...about,
    state: addSteering(begun, message),
    seen: ['a'],
    prepared: [{ type: 'invalid', ...invalid }],
  });
});

describe('a beginning that Plait has not given is recognized:', () => {
  const continued = { type: 'continued', ...about, state: begun, seen: [] };
  const asking = beginTurn([
    { role: 'user', content: 'go' },
    { role: 'assistant', content: [call('toolu_1')] },
  ]);
  const prepared = [{ type: 'ready', summary: '' }];

  test.for<[what: string, beginning: unknown, problem: string | undefined]>([
    ['a whole one', continued, undefined],
    ['one with calls', { ...continued, state: asking, prepared }, undefined],
    ['that of a session', { type: 'session', transcript: begun.transcript, stored: [] }, undefined],
    [
      'that of a session which another turn has called',
      { type: 'session', transcript: begun.transcript, stored: [], levels: 2 },
      undefined,
    ],
    ['that of a sub-agent', { type: 'sub-agent', levels: 2 }, undefined],
    [
      'that of a sub-agent without levels',
      { type: 'sub-agent' },
      'beginning.levels must be a whole number of at least 0',
    ],
    ['too large', { type: 'too large' }, undefined],
    ['a text', 'continued', 'beginning must be an object'],
    ['no type', {}, 'beginning.type must be one of session, sub-agent, too large, continued'],
    ['no state', { ...continued, state: null }, 'beginning.state must be an object'],
    [
      'a message that is null',
      {
        ...continued,
        state: { ...begun, transcript: { segments: [], tail: [null], tailBytes: 0 } },
      },
      'beginning.state.transcript.tail[0] must be an object',
    ],
    [
      'a block without its text',
      {
        type: 'session',
        stored: [],
        transcript: {
          segments: [],
          tail: [{ role: 'user', content: [{ type: 'text' }] }],
          tailBytes: 0,
        },
      },
      'beginning.transcript.tail[0].content[0].text must be a text',
    ],
    [
      'a block without a type',
      {
        type: 'session',
        stored: [],
        transcript: { segments: [], tail: [{ role: 'user', content: [{}] }], tailBytes: 0 },
      },
      'beginning.transcript.tail[0].content[0].type must be a text',
    ],
    [
      'an agent that runs no call',
      { ...continued, agent: pinned('storage', { concurrency: 0 }) },
      'beginning.agent.limits.concurrency must be a whole number of at least 1',
    ],
    [
      'fewer calls than the reply asks for',
      { ...continued, state: asking, prepared: [] },
      'beginning.prepared must have one item for each of the 1 calls of the last reply',
    ],
    [
      'a call whose id no activity can have',
      {
        ...continued,
        prepared,
        state: beginTurn([{ role: 'assistant', content: [call('')] }]),
      },
      'the tool_use id "" is not valid',
    ],
  ])('%s', ([, beginning, problem]) => {
    expect(findBeginningProblem(beginning)).toBe(problem);
  });
});

interface Recorded {
  events: {
    workflowExecutionStartedEventAttributes?: {
      workflowType: { name: string };
      input: { payloads: { data: string }[] };
    };
  }[];
}

test('every beginning that an earlier version has recorded is complete', () => {
  const directory = new URL('../../histories/', import.meta.url);
  const found = { agentTurn: 0, agentSession: 0 };
  for (const name of readdirSync(directory)) {
    const { events } = JSON.parse(readFileSync(new URL(name, directory), 'utf8')) as Recorded;
    const started = events[0]?.workflowExecutionStartedEventAttributes;
    const second = started?.input.payloads[1];
    if (started === undefined || second === undefined) continue;
    const value: unknown = JSON.parse(Buffer.from(second.data, 'base64').toString());
    const type = started.workflowType.name as keyof typeof found;
    found[type] += 1;
    const find = type === 'agentTurn' ? findBeginningProblem : findCarriedProblem;
    expect(find(value), name).toBeUndefined();
  }
  expect(found).toEqual({ agentTurn: 3, agentSession: 1 });
});

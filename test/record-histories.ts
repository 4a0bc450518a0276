// Records the histories that replay.test.ts replays: `npm run record-histories -- new-one other-one`,
// or all without names. Run it only when a new kind of turn should be covered; the recorded ones must
// stay replayable as they are. `lost-five-times.json` is from an earlier version, and can only be kept.
import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { agentTool, defineAgent } from '../index.ts';
import type { AgentClient, StartTurnOptions, TurnHandle } from '../client/index.ts';
import { decodeCallToken } from '../core/calls/token.ts';
import { directoryStorage } from '../storage/index.ts';
import type { TestEnvironment } from '../testing/environment.ts';
import { startTestEnvironment } from '../testing/environment.ts';
import { fault } from '../testing/faults.ts';
import { recordHistory } from '../testing/replay.ts';
import { callTools, refuse, say, stopWith } from '../testing/replies.ts';
import { conversation, script } from '../testing/script.ts';
import { handedOn } from './fixtures/sessions.ts';
import { tracesInMemory } from './fixtures/spans.ts';
import { agentWith, reader, writer } from './fixtures/tools.ts';

const tokens: string[] = [];
const agent = agentWith([
  reader('look', ({ bytes }) => 'x'.repeat(Number(bytes ?? 3))),
  writer('break', () => {
    throw new Error('connection refused');
  }),
  reader('flaky', (_input, { attempt }) => {
    if (attempt < 3) throw new Error('not yet');
    return 'at last';
  }),
  writer('hang', (_input, { signal }) => sleep(60_000, undefined, { signal }), {
    activity: { startToCloseTimeout: 300 },
  }),
  reader('wait', (_input, { signal }) => sleep(60_000, undefined, { signal })),
  writer('refund', ({ path }) => `refunded for ${String(path)}`, {
    approval: ({ ask }) => ask !== false,
    access: { writes: 'path' },
  }),
  writer('impatient', () => 'nobody was asked', { approval: 'always', approvalTimeout: 300 }),
  writer('parcel', ({ timeout = '7d' }, { later }) => {
    const handedOver = later({ timeout: String(timeout) });
    tokens.push(handedOver.token);
    return handedOver;
  }),
]);

/** Goes on in a new run before its second batch. */
const brief = defineAgent({
  name: 'brief',
  model: 'claude-opus-5-5',
  tools: [reader('look', () => 'seen')],
  limits: { historyEvents: 20 },
});

/** Is asked on a queue of its own, and its model declines. */
const resilient = defineAgent({
  name: 'resilient',
  model: 'claude-opus-5-5',
  fallbacks: [{ model: 'claude-sonnet-5-5' }],
  modelTaskQueue: 'recorded-models',
  tools: [reader('look', () => 'seen')],
});

/** Its calls run within the workflow task, as far as they can. */
const nearby = defineAgent({
  name: 'nearby',
  model: 'claude-opus-5-5',
  tools: ['look', 'flaky', 'broken'].map((name) =>
    reader(
      name,
      (_input, { attempt }) => {
        if (name === 'broken' || (name === 'flaky' && attempt === 1)) throw new Error('not yet');
        return 'seen';
      },
      { execution: 'local', activity: { retry: { maximumAttempts: 2, initialInterval: '10ms' } } },
    ),
  ),
});

/** Has another agent as a tool, beside its turn and in the background, and calls that go on. */
const scout = defineAgent({
  name: 'scout',
  model: 'claude-opus-5-5',
  tools: [reader('look', () => 'seen')],
});

const lead = defineAgent({
  name: 'lead',
  model: 'claude-opus-5-5',
  limits: { outputTokens: 100_000 },
  tools: [agentTool(scout, { description: 'Looks.' })],
});

const editor = defineAgent({
  name: 'editor',
  model: 'claude-opus-5-5',
  limits: { outputTokens: 100_000 },
  batchTimeout: '2s',
  onTimeout: 'continue',
  tools: [
    agentTool(scout, { description: 'Looks.', mode: 'background' }),
    reader('look', () => 'seen'),
    reader('slow', (_input, { signal }) => sleep(6_000, 'slow', { signal })),
    writer('parcel', (_input, { later }) => {
      const handedOver = later();
      tokens.push(handedOver.token);
      return handedOver;
    }),
  ],
});

const pages = callTools([
  ['look', { bytes: 4_500 }],
  ['look', { bytes: 4_501 }],
]);

const turns = script(
  conversation('three-calls', [
    callTools([
      ['look', {}],
      ['look', { a: 1 }],
      ['look', { b: 2 }],
    ]),
    say('Done.'),
  ]),
  conversation('mixed-results', [
    callTools({ look: {}, break: {}, flaky: {}, hang: {}, no_such_tool: {} }),
    say('Done.'),
  ]),
  conversation('sealed-transcript', [pages, pages, pages, say('Done.')]),
  conversation('cut-off', [stopWith('max_tokens', callTools({ look: {} }))]),
  conversation('model-refused', [fault.badRequest('prompt is too long')]),
  conversation('cancelled', [callTools({ wait: {}, look: {} })]),
  conversation('approvals-and-later', [
    callTools([
      ['refund', { path: '/a' }, 'toolu_edited'],
      ['refund', { path: '/a', ask: false }, 'toolu_behind'],
      ['refund', { path: '/b' }, 'toolu_approved'],
      ['refund', { path: '/c' }, 'toolu_denied'],
      ['impatient', {}, 'toolu_expired'],
      ['parcel', {}, 'toolu_completed'],
      ['parcel', { n: 1 }, 'toolu_lost'],
      ['parcel', { timeout: '300ms' }, 'toolu_forgotten'],
      ['look', {}, 'toolu_look'],
    ]),
    say('Done.'),
  ]),
  conversation('verified-decisions', [
    callTools([
      ['refund', { path: '/a' }, 'toolu_edited'],
      ['refund', { path: '/b' }, 'toolu_approved'],
      ['refund', { path: '/c' }, 'toolu_denied'],
    ]),
    say('Done.'),
  ]),
  conversation('cancelled-while-parked', [callTools({ refund: {}, parcel: {} })]),
  conversation('last-word', [callTools({ look: {}, flaky: {} }), say('I saw one of two.')]),
  conversation('out-of-time', [callTools({ wait: {}, look: {} })]),
  conversation('repaired-output', [say('Yes.')]),
  conversation(/does not match the required output format/, [say('{"ok":true}')]),
  conversation('noted', [callTools({ parcel: {} }), say('Done.')]),
  conversation('turn-continued', [
    callTools({ look: { a: 1 } }),
    callTools({ look: { a: 2 } }),
    callTools({ look: { a: 3 } }),
    say('Done.'),
  ]),
  conversation('local-calls', [
    callTools([
      ['look', {}],
      ['look', { a: 1 }],
    ]),
    callTools({ look: {}, flaky: {}, broken: {} }),
    say('Done.'),
  ]),
  conversation('other-model', [
    ({ body }) => (body.model === resilient.spec.model ? refuse() : callTools({ look: {} })),
    say('Done.'),
  ]),
  conversation('sub-agents', [
    callTools([
      ['scout', { prompt: 'look here' }],
      ['scout', { prompt: 'decline' }],
    ]),
    say('Done.'),
  ]),
  conversation('background', [
    callTools([
      ['scout', { prompt: 'look here' }, 'toolu_scout'],
      ['look', {}],
    ]),
    callTools({ get_agent_result: { id: 'toolu_scout' } }),
    callTools({ slow: {}, parcel: {}, look: {} }),
    say('I wait.'),
    say('Done.'),
    say('Done.'),
  ]),
  conversation('background-cancelled', [
    callTools({ scout: { prompt: 'wait' } }),
    callTools({ parcel: {} }),
  ]),
  conversation('look here', [callTools({ look: {} }), say('Seen.')]),
  conversation('decline', [refuse({ explanation: 'No.' })]),
  conversation('wait', [() => new Promise(() => undefined)]),
  conversation(/./, [say('Yes.')]),
);

async function save(name: string, turn: TurnHandle): Promise<void> {
  await turn.result().catch(() => undefined);
  await recordHistory(turn, new URL(`histories/${name}.json`, import.meta.url));
}

const options: Record<string, StartTurnOptions> = {
  'last-word': { limits: { toolCalls: 1, wallTime: '1h' }, onLimit: 'lastWord' },
  'out-of-time': { limits: { wallTime: '2s' } },
  'repaired-output': {
    output: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
  },
};

/** Each kind of turn, and what happens to it while it runs. */
const kinds: Record<string, (turn: TurnHandle, agents: AgentClient) => Promise<void>> = {
  'three-calls': untouched,
  'mixed-results': untouched,
  'sealed-transcript': untouched,
  'cut-off': untouched,
  'model-refused': untouched,
  'other-model': untouched,
  'no-such-agent': untouched,
  'local-calls': untouched,
  'sub-agents': untouched,
  async background(turn, agents) {
    while (tokenOfTurn(turn) === '') await sleep(50);
    await agents.completeToolCall(tokenOfTurn(turn), 'delivered');
  },
  async 'background-cancelled'(turn) {
    await allParked(turn, { waiting: 0, handedOver: 1 });
    await turn.cancel();
  },
  'last-word': untouched,
  'out-of-time': untouched,
  'repaired-output': untouched,
  async cancelled(turn) {
    while ((await turn.describe()).pendingCalls[0]?.state !== 'running') await sleep(50);
    await turn.cancel();
  },
  async 'approvals-and-later'(turn, agents) {
    const by = 'ana';
    await allParked(turn, { waiting: 3, handedOver: 3 });
    await turn.approve('toolu_edited', { by, input: { path: '/b', edited: true } });
    await turn.deny('toolu_denied', { by, reason: 'Not before Friday.' });
    await turn.approve('toolu_approved', { by: 'bob', reason: 'checked' });
    await agents.completeToolCall(tokenOf('toolu_completed'), { delivered: true });
    await agents.failToolCall(tokenOf('toolu_lost'), 'The parcel is lost.');
  },
  async 'cancelled-while-parked'(turn) {
    await allParked(turn, { waiting: 1, handedOver: 1 });
    await turn.cancel();
  },
};

const others: Record<string, string> = {
  'no-such-agent': 'nobody',
  'other-model': 'resilient',
  'sub-agents': 'lead',
  background: 'editor',
  'background-cancelled': 'editor',
  'local-calls': 'nearby',
};

function tokenOfTurn({ turnId }: TurnHandle): string {
  return tokens.find((token) => decodeCallToken(token).turnId === turnId) ?? '';
}

function tokenOf(callId: string): string {
  return tokens.find((token) => decodeCallToken(token).callId === callId) ?? '';
}

async function untouched(): Promise<void> {
  // It ends by itself.
}

async function allParked(
  turn: TurnHandle,
  { waiting, handedOver }: { waiting: number; handedOver: number },
): Promise<void> {
  for (;;) {
    const [{ pendingCalls }, { length }] = await Promise.all([turn.describe(), turn.approvals()]);
    const tokensOut = tokens.filter((token) => decodeCallToken(token).turnId === turn.turnId);
    const settled = pendingCalls.length === 0 && tokensOut.length === handedOver;
    if (settled && length === waiting) return;
    await sleep(50);
  }
}

const file = (name: string) => new URL(`histories/${name}.json`, import.meta.url);

async function running(turn: TurnHandle): Promise<void> {
  const state = async () => (await turn.describe().catch(() => undefined))?.pendingCalls[0]?.state;
  // One of a session may have to wait for its turn.
  while ((await state()) !== 'running') await sleep(50);
}

/** A session in its first run and in the next, and a turn of it that takes in a message. */
async function recordSession({ agents }: TestEnvironment): Promise<void> {
  const session = agents.openSession(agent, `session-${randomUUID()}`);
  const { workflow } = session;
  const steer = { whenBusy: 'steer' } as const;
  await (await session.send('three-calls')).result();

  const noted = await session.send('noted');
  await allParked(noted, { waiting: 0, handedOver: 1 });
  await handedOn(agents, await session.send('Be quick.', steer));
  await agents.completeToolCall(tokenOfTurn(noted), 'delivered');
  await noted.result();
  await recordHistory(noted, file('session-turn'));

  const interrupted = await session.send('cancelled');
  await running(interrupted);
  const late = await session.send('Too late.', steer);
  await session.send('Stop.', { whenBusy: 'interrupt' });
  await late.result();

  const terminated = await session.send('cancelled');
  await running(terminated);
  await terminated.workflow.terminate();
  await (await session.send('Go on.')).result();

  const first = (await workflow.describe()).runId;
  while ((await workflow.describe()).runId === first) await sleep(200);
  await (await session.send('Good morning.')).result();
  await session.close();
  await workflow.result();
  await recordHistory(session, file('session'));
}

async function recordContinuedTurn({ agents }: TestEnvironment): Promise<void> {
  const turn = await agents.start(brief, 'turn-continued');
  await save('turn-continued', turn);
}

async function recordVerifiedDecisions({ temporal }: TestEnvironment): Promise<void> {
  await using verifying = await startTestEnvironment({
    agents: [agent],
    script: turns,
    temporal,
    taskQueue: 'recorded-verified',
    authorizeDecision: ({ proof }) => proof === 'signed' || 'Sign it.',
  });
  const turn = await verifying.agents.start(agent, 'verified-decisions');
  const signed = { by: 'ana', proof: 'signed' };
  await allParked(turn, { waiting: 3, handedOver: 0 });
  await turn.approve('toolu_approved', { by: 'eve' }).catch(() => undefined);
  await turn.approve('toolu_edited', { ...signed, input: { path: '/b', edited: true } });
  await turn.deny('toolu_denied', { ...signed, reason: 'Not before Friday.' });
  await turn.approve('toolu_approved', signed);
  await save('verified-decisions', turn);
}

/** With a client that has begun a trace. */
async function recordTraced({ temporal }: TestEnvironment): Promise<void> {
  await using traced = await startTestEnvironment({
    agents: [brief],
    script: turns,
    temporal,
    taskQueue: 'recorded-traced',
    traces: tracesInMemory().traces,
  });
  await save('traced', await traced.agents.start(brief, 'turn-continued'));
}

async function record({ agents }: TestEnvironment): Promise<void> {
  const wanted = process.argv.slice(2);
  for (const [name, happens] of Object.entries(kinds)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const turn = await agents.start(others[name] ?? agent, name, options[name]);
    await happens(turn, agents);
    await save(name, turn);
  }
}

const storage = directoryStorage(await mkdtemp(join(tmpdir(), 'plait-histories-')));
const environment = await startTestEnvironment({
  agents: [agent, brief, resilient, nearby, lead, editor],
  script: turns,
  storage,
  taskQueue: 'recorded',
});
try {
  await record(environment);
  const wanted = process.argv.slice(2);
  if (wanted.length === 0 || wanted.includes('session')) await recordSession(environment);
  if (wanted.length === 0 || wanted.includes('turn-continued')) {
    await recordContinuedTurn(environment);
  }
  if (wanted.length === 0 || wanted.includes('verified-decisions')) {
    await recordVerifiedDecisions(environment);
  }
  if (wanted.length === 0 || wanted.includes('traced')) await recordTraced(environment);
} finally {
  await environment.close();
}

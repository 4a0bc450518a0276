import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WaitingCall } from '../../client/index.ts';
import { drawWaiting } from '../../cli/waiting-table.ts';
import { PLAIN } from '../../cli/style.ts';
import { spanText } from '../../cli/text.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { cashier, cashierScript, counter, waitingCalls } from '../fixtures/approvals-agent.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { until } from '../fixtures/until.ts';
import type { Ended } from './plait-process.ts';
import { plait } from './plait-process.ts';

const done = counter();
let environment: TestEnvironment;

beforeAll(async () => {
  // It needs its own server: `plait approvals` lists the calls of all turns on it.
  environment = await startTestEnvironment({
    agents: [cashier(done)],
    script: cashierScript,
    authorizeDecision: ({ proof }) => proof !== 'forged' || 'The signature is wrong.',
    ...inThisThread,
  });
});

afterAll(() => environment.close());

function run(...args: string[]): Promise<Ended> {
  return plait(args, { env: { TEMPORAL_ADDRESS: environment.temporal.address } });
}

/** A turn with one or two calls that wait. */
async function waitingTurn(turnId: string, text: 'one' | 'two') {
  const turn = await environment.agents.start('cashier', text, { turnId });
  const calls = await waitingCalls(turn, text === 'one' ? 1 : 2);
  return { turn, ids: calls.map(({ callId }) => callId) };
}

describe('plait approvals', () => {
  it('says so when no call waits', async () => {
    expect(await run('approvals')).toEqual({
      code: 0,
      stdout: 'No call waits for approval.\n',
      stderr: '',
    });
    expect((await run('approvals', '--json')).stdout).toBe('[]\n');
  });

  it('lists the calls of all turns', async () => {
    const one = await waitingTurn('ticket-1', 'one');
    const two = await waitingTurn('ticket-2', 'two');
    const { stdout } = await until(
      () => run('approvals'),
      (ended) => ended.stdout.includes('ticket-1') && ended.stdout.includes('ticket-2'),
    );

    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ {2}CALL +TOOL +ARGUMENTS +WAITING +EXPIRES IN$/);
    expect(lines).toContain('ticket-1  cashier');
    const line = lines.find((text) => text.includes(one.ids[0] ?? '?'));
    expect(line).toMatch(/ {2}refund {2}order: A-17, cents: 12000 +\d+ s +6 d 23 h$/);
    expect(lines).toHaveLength(6);

    const json = JSON.parse((await run('approvals', '--json')).stdout) as WaitingCall[];
    expect(json.map(({ turnId }) => turnId).toSorted()).toEqual([
      'ticket-1',
      'ticket-2',
      'ticket-2',
    ]);
    expect(json.find(({ callId }) => callId === two.ids[1])).toMatchObject({
      agent: 'cashier',
      tool: 'refund',
      input: { order: 'B-4', cents: 50 },
    });
    await one.turn.cancel();
    await two.turn.cancel();
  });
});

describe('plait approve and deny', () => {
  it('decide about the only call that waits, in the name of the user', async () => {
    const { turn, ids } = await waitingTurn('ticket-3', 'one');

    const { code, stdout, stderr } = await run('approve', 'ticket-3', '--reason', 'checked');

    const shown = ['refund waits for approval:', '    {', '      "order": "A-17",'];
    expect(stderr).toBe([...shown, '      "cents": 12000', '    }', ''].join('\n'));
    const by = userInfo().username;
    expect(stdout).toBe(`Approved ${ids[0]} of turn ticket-3, as ${by}.\n`);
    expect(code).toBe(0);
    expect((await turn.result()).calls[0]?.approval).toMatchObject({
      decision: 'approved',
      by,
      reason: 'checked',
    });
  });

  it('accept the id of the call, a name and another input', async () => {
    const { turn, ids } = await waitingTurn('ticket-4', 'two');
    const [first = '', second = ''] = ids;
    const input = { order: 'A-17', cents: 7 };

    const several = await run('approve', 'ticket-4');
    expect(several.stderr).toBe(
      `plait: 2 calls of turn ticket-4 wait for approval. Name one: ${first} refund(order: A-17, cents: 12000); ${second} refund(order: B-4, cents: 50).\n`,
    );
    expect(several.code).toBe(2);

    const edited = ['--by', 'ana', '--input', JSON.stringify(input)];
    const approved = await run('approve', 'ticket-4', first, ...edited);
    expect(approved.stdout).toContain('as ana.');
    expect(approved.stderr).toContain('It will run with your input instead:\n    {');
    expect(approved.stderr).toContain('"cents": 7\n');
    const denied = await run('deny', 'ticket-4', second, '--by', 'bob', '--reason', 'no');
    expect(denied.stdout).toBe(`Denied ${second} of turn ticket-4, as bob.\n`);

    const { calls } = await turn.result();
    expect(calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'denied']);
    expect(done.refunds).toContainEqual(input);
  });

  it('say in one line why a decision is rejected', async () => {
    const { turn, ids } = await waitingTurn('ticket-5', 'one');

    const wrong = await run('approve', 'ticket-5', '--input', '{"order":"A-17","cents":"all"}');
    expect(wrong.stderr).toMatch(
      new RegExp(`\nplait: Call ${ids[0]} of turn ticket-5 was not approved: .*cents.*\n$`),
    );
    expect(wrong.code).toBe(8);
    const forged = await run('approve', 'ticket-5', '--proof', 'forged');
    expect(forged.stderr).toMatch(/\nplait: .* was not approved: The signature is wrong\.\n$/);
    expect(forged.code).toBe(8);

    await turn.cancel();
    await turn.result();
    const late = await run('deny', 'ticket-5', ids[0] ?? '');
    expect(late.stderr).toMatch(/was not denied: the turn has ended\.\n$/);
    expect(late.code).toBe(8);
    const none = await run('deny', 'ticket-5');
    expect(none.stderr).toBe('plait: No call of turn ticket-5 waits for approval.\n');
    expect(none.code).toBe(8);
  });

  it.each([
    [['approve'], /missing required argument 'turn-id'/, 2],
    [['approve', 't', '--input', '{'], /It must be JSON, such as/, 2],
    [
      ['approve', 't', '--input', '{"id":9100200300400500601}'],
      /id is 9100200300400500601, a number that cannot be passed on exactly/,
      2,
    ],
    [['deny', 't', '--input', '{}'], /unknown option '--input'/, 2],
    [
      ['deny', 't', '--by', ' '],
      /--by <name>' argument ' ' is invalid\. It must not be blank\./,
      2,
    ],
    [['approve', 'nothing'], /There is no turn nothing in namespace default\./, 2],
    [['deny', 'nothing', 'toolu_1'], /There is no turn nothing in namespace default\./, 2],
  ])('report wrong input in one line: plait %s', async (args, says, code) => {
    const ended = await run(...args);
    expect(ended.stderr).toMatch(says);
    expect(ended.stderr).toMatch(/^plait: .*\n$/);
    expect(ended.code).toBe(code);
  });
});

describe('the table of calls that wait', () => {
  const now = Date.parse('2026-01-10T12:00:00Z');
  const draw = (calls: WaitingCall[], columns?: number) =>
    drawWaiting(calls, { columns, now, style: PLAIN });

  it('lists the calls under their turns, the longest waiting first', () => {
    const calls = [
      call({}),
      call({ turnId: 't-2', agent: undefined, requestedAt: '2026-01-08T10:00:00Z' }),
      call({ callId: 'toolu_22', tool: 'pay', requestedAt: '2026-01-10T11:58:00Z' }),
    ];
    expect(draw(calls)).toEqual([
      '  CALL      TOOL    ARGUMENTS    WAITING  EXPIRES IN',
      't-2',
      '  toolu_1   refund  order: A-17  2 d 2 h  23 h 57 min',
      'ticket-1  cashier',
      '  toolu_1   refund  order: A-17  3 min    23 h 57 min',
      '  toolu_22  pay     order: A-17  2 min    23 h 57 min',
    ]);
  });

  it('cuts the arguments to the width of the terminal, and is a list instead in a narrow one', () => {
    const callId = `toolu_${'0'.repeat(24)}`;
    const long = call({ callId, input: { note: 'a'.repeat(39), more: 'b'.repeat(39) } });
    const [, , wide] = draw([long], 100);
    expect(wide).toHaveLength(99);
    expect(draw([call({ callId })], 40)).toEqual([
      'ticket-1  cashier',
      `  ${callId}`,
      '    refund(order: A-17)',
      '    waiting 3 min, expires in 23 h 57',
      '    min',
    ]);
  });

  it('does not let a model move the cursor', () => {
    const lines = draw([call({ input: { a: '\u001B[2Jb\n\rc' } })]);
    expect(lines.join('\n')).toContain(String.raw`a: \u{1B}[2Jb c`);
    expect(lines).toHaveLength(3);
  });

  it.each([
    [-5, '0 s'],
    [999, '0 s'],
    [12_900, '12 s'],
    [61_000, '1 min'],
    [3_600_000, '1 h'],
    [3_661_000, '1 h 1 min'],
    [604_799_000, '6 d 23 h'],
  ])('writes %d milliseconds as %s', (milliseconds, text) => {
    expect(spanText(milliseconds)).toBe(text);
  });
});

function call(about: Partial<WaitingCall>): WaitingCall {
  return {
    turnId: 'ticket-1',
    agent: 'cashier',
    callId: 'toolu_1',
    tool: 'refund',
    input: { order: 'A-17' },
    round: 1,
    requestedAt: '2026-01-10T11:57:00Z',
    expiresAt: '2026-01-11T11:57:00Z',
    ...about,
  };
}

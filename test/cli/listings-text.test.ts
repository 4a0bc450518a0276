import { describe, expect, it } from 'vitest';
import type { DescribedTurn } from '../../cli/description-text.ts';
import { sessionLines, turnLines } from '../../cli/description-text.ts';
import { exitCodeHelp } from '../../cli/exit-codes.ts';
import { firstOf, progressOn } from '../../cli/progress.ts';
import { PLAIN } from '../../cli/style.ts';
import { tableLines } from '../../cli/table.ts';
import { version } from '../../cli/version.ts';
import { NO_USAGE } from '../../core/turn/usage.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { call, open, turnWith } from './turn-fixture.ts';

const usage = {
  ...NO_USAGE,
  input_tokens: 1_120,
  cache_read_input_tokens: 4_000,
  output_tokens: 310,
};
const at = { now: 65_400, style: PLAIN };

const described = (turn: Partial<DescribedTurn>): DescribedTurn => ({
  ...turnWith([]),
  approvals: [],
  ...turn,
});

const runs = (name: string, turnId: string) =>
  open(name, { subAgent: { turnId, agent: name }, state: 'running', start: 64_400 });

const asks = (id: string, name: string, turnId: string) => ({
  callId: id,
  tool: 'pay',
  input: {},
  round: 1,
  requestedAt: new Date(400).toISOString(),
  expiresAt: new Date(3_665_400).toISOString(),
  subAgent: { turnId, path: ['lead', name, 'cashier'], callId: `toolu_${name}` },
});

function terminal(isTTY = true) {
  const written: string[] = [];
  return { isTTY, written, write: (text: string) => written.push(text) > 0 };
}

async function* numbers() {
  yield* [1, 2, 3];
}

describe('a table', () => {
  const headings = ['TURN', 'STATUS', 'AGENT'];
  const rows = [['a-long-id', 'running', 'support\u001B[31m']];
  const draw = (columns?: number) => tableLines(headings, rows, { columns, style: PLAIN });

  it('leaves out its last columns in a narrow terminal, and never cuts a cell', () => {
    expect(draw()).toEqual([
      'TURN       STATUS   AGENT',
      String.raw`a-long-id  running  support\u{1B}[31m`,
    ]);
    expect(draw(25)).toEqual(['TURN       STATUS', 'a-long-id  running']);
    expect(draw(5)).toEqual(['TURN', 'a-long-id']);
  });
});

describe('the description of a turn', () => {
  it('says what it waits for, and what a person can type', () => {
    const refund = open('refund', {
      state: 'waiting',
      attempt: 0,
      message: 'waits for approval',
      summary: 'cents: 12\u202E',
    });
    const turn = turnWith([call('look'), refund], false);
    const request = {
      callId: refund.id,
      tool: 'refund',
      input: {},
      round: 1,
      requestedAt: new Date(400).toISOString(),
      expiresAt: new Date(3_665_400).toISOString(),
    };
    expect(turnLines(described({ ...turn, usage, approvals: [request] }), at)).toEqual([
      'turn t',
      '  agent       customer-lookup',
      '  status      running',
      '  started     1 min ago',
      '  rounds      1',
      '  used        5,120 tokens in (4,000 from the cache), 310 out',
      String.raw`  refund(cents: 12\u{202E}): waiting for 1 min: waits for approval`,
      '    since 1 min; denied in 1 h unless somebody decides:',
      '    plait approve t toolu_refund',
      '    plait deny t toolu_refund --reason "…"',
    ]);
  });

  it('shows what a sub-agent waits for beside its call, at any level', () => {
    // The id of one turn begins as that of another does, and those of sessions are their own.
    const turn = turnWith([runs('guide', 'desk.1'), runs('clerk', 'desk'), call('look')], false);
    const approvals = [
      asks('toolu_a', 'guide', 'accounts.turn-3'),
      asks('toolu_b', 'clerk', 'desk.1.toolu_x'),
    ];
    const shown = turnLines(described({ ...turn, approvals }), at).slice(6);
    expect(shown.filter((line) => /: running|approve/.test(line))).toEqual([
      '  guide(customer_id: 1234): running for 1 s',
      '    plait approve t toolu_a',
      '  clerk(customer_id: 1234): running for 1 s',
      '    plait approve t toolu_b',
    ]);
  });

  it('says which model request it waits for', () => {
    const model = { state: 'retrying', attempt: 3, start: 60_400, message: 'overloaded' } as const;
    const turn = described({ status: 'running', rounds: [{ round: 1, model, calls: [] }] });
    expect(turnLines(turn, at).slice(-2)).toEqual([
      '  used        not known: no worker answers',
      '  waits for the model in round 1: retrying for 5 s, attempt 3: overloaded',
    ]);
  });

  it('says how it ended', () => {
    const turn = described({ stopReason: 'end_turn', end: 1_600, usage, costUSD: 2 });
    expect(turnLines(turn, at).slice(2)).toEqual([
      '  status      completed: end_turn',
      '  started     1 min ago',
      '  took        1.60 s',
      '  rounds      2',
      '  used        5,120 tokens in (4,000 from the cache), 310 out, $2.00',
    ]);
  });
});

it('the description of a session names its turns', () => {
  const session = {
    sessionId: 'desk',
    agent: 'support',
    status: 'busy' as const,
    runningTurn: 'desk-3',
    waitingTurns: ['desk-4'],
    turns: 2,
    messages: 8,
    usage,
    spent: { rounds: 4, toolCalls: 1, inputTokens: 5_120, outputTokens: 310, wallTime: 9_000 },
    lastTurn: {
      turnId: 'desk-2',
      stopReason: 'failed' as const,
      endedAt: new Date(60_400).toISOString(),
      message: 'no key',
    },
  };
  expect(sessionLines(session, at)).toEqual([
    'session desk',
    '  agent       support',
    '  status      busy',
    '  turns       2 ended, 1 waiting',
    '  messages    8',
    '  used        5,120 tokens in (4,000 from the cache), 310 out',
    '  runs        desk-3',
    '  next        desk-4',
    '  last turn   desk-2, failed, 5 s ago: no key',
  ]);
});

describe('progress', () => {
  it('is one line on a terminal, and only for work that takes long', () => {
    const out = terminal();
    let time = 0;
    const progress = progressOn(out, () => time);
    progress.show('1 turn …');
    time = 600;
    progress.show('2 turns …');
    time = 650;
    progress.show('3 turns …');
    progress.clear();
    progress.clear();
    expect(out.written).toEqual(['\r\u001B[K2 turns …', '\r\u001B[K']);
  });

  it('is not printed to a pipe', () => {
    const out = terminal(false);
    let time = 0;
    const progress = progressOn(out, () => (time += 1_000));
    progress.show('1 turn …');
    progress.clear();
    expect(out.written).toEqual([]);
  });

  it('is shown while the first items of a list are read', async () => {
    expect(await firstOf(numbers(), 2, 'numbers')).toEqual({ items: [1, 2], more: true });
    expect(await firstOf(numbers(), 3, 'numbers')).toEqual({ items: [1, 2, 3], more: false });
  });
});

it('the exit codes are wrapped between words', () => {
  const lines = exitCodeHelp(40).split('\n');
  expect(lines.slice(0, 4)).toEqual([
    'Exit codes:',
    '  0    done; for `run`: the turn ended',
    '       with end_turn or stop_sequence',
    '  1    unexpected error; PLAIT_DEBUG=1',
  ]);
});

it("the version is the package's", () => {
  expect(version()).toBe(packageJson.version);
});

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, inject, it, expect } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { TerminalChat } from '../../cli/chat/terminal-chat.ts';
import { agentOf, openingLines, readOpening } from '../../cli/chat/opening.ts';
import { PLAIN } from '../../cli/style.ts';
import type { SessionHandle } from '../../client/session-handle.ts';
import { HINTS, supportScript } from '../../examples/support-desk/script.ts';
import { supportDesk } from '../../examples/support-desk/agent.ts';
import { paced, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { Client, Connection } from '@temporalio/client';
import { AgentClient } from '../../client/agent-client.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { startTemporalServer } from '../../testing/temporal-server.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait as startEnvironment } from '../fixtures/plait.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { handedOn, untilIdle } from '../fixtures/sessions.ts';
import type { Ended } from './plait-process.ts';
import { plait, startPlait } from './plait-process.ts';
import { fakeTty } from './terminal.ts';

const [FULL_PICTURE = '', REFUND = ''] = HINTS;
let environment: TestEnvironment;
/** The reply to `Slowly.` ends when somebody has seen its text. */
const wasSeen = new Door();

beforeAll(async () => {
  const text = `Word by word, ${'and on '.repeat(20)}and done.`;
  const slowly = conversation('Slowly.', [paced({ afterBlock: () => wasSeen.pass() }, say(text))]);
  environment = await startEnvironment({
    agents: [supportDesk],
    script: script(slowly, supportScript),
  });
});

afterAll(() => environment.close());

const newId = () => `chat-${randomUUID()}`;

function chat(input: string, ...args: string[]): Promise<Ended> {
  const env = { TEMPORAL_ADDRESS: inject('temporalAddress') };
  return plait(['chat', '-q', environment.taskQueue, ...args], { env, input });
}

describe.concurrent('plait chat through a pipe', () => {
  it('sends each line, waits for its answer, and can come back later', async ({ expect }) => {
    const id = newId();
    const first = await chat(`${FULL_PICTURE}\n\nHello.\n`, 'support-desk', '--session', id);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^Ada Martin .*\nI am a script .*\n$/);
    expect(first.stderr).toContain(`session     ${id}, new\n`);
    expect(first.stderr).toMatch(/round 1 {2}get_orders\(customer_id: 1234\) {2}succeeded after/);
    expect(first.stderr).toMatch(/\n {2}2 model requests · 3 calls · \d+ tokens in · \d+ out/);
    expect(first.stderr).not.toContain('\u001B');

    const second = await chat('Bye.\n/close\nToo late.\n', '--session', id, '--history', '4');
    expect(second.code).toBe(0);
    expect(second.stdout).toMatch(/^I am a script .*\n$/);
    expect(second.stderr).toContain('agent       support-desk\n');
    expect(second.stderr).toMatch(
      /2 turns, \d+ tokens in, \d+ out\n\n {2}… 2 earlier messages\n\nAda Martin/,
    );
    expect(second.stderr).toContain('› Hello.\n\nI am a script');
    expect(second.stderr).toContain('The session is closed');

    const third = await chat('Hello?\n', '--session', id);
    expect(third.code).toBe(8);
    expect(third.stdout).toBe('');
    expect(third.stderr).toContain(`Session ${id} is closed and takes no more messages`);
  });

  it('interrupts the turn with Ctrl-C, and its exit code says that the turn did not end well', async ({
    expect,
  }) => {
    const env = { TEMPORAL_ADDRESS: inject('temporalAddress') };
    const args = ['chat', 'support-desk', '-q', environment.taskQueue];
    const process = startPlait(args, { env, input: `${REFUND}\nAnd now?\n` });
    await process.says('waits: plait approve support-desk');
    process.interrupt();
    const { code, stdout, stderr } = await process.ended;
    expect(stderr).toContain('The turn ended with cancelled');
    expect(stdout).toMatch(/^I am a script .*\n$/);
    expect(code).toBe(5);
  });

  it('says which agent a session has, and if a session does not exist', async ({ expect }) => {
    const id = newId();
    await environment.agents.openSession(supportDesk, id).send('Hello.');
    const other = await chat('', 'nobody', '--session', id);
    expect(other.stderr).toContain(`Session ${id} belongs to agent support-desk, not to nobody`);
    expect(other.code).toBe(2);
    const none = await chat('', '--session', newId());
    expect(none.stderr).toMatch(/There is no session chat-.* plait chat <agent> --session/);
    expect(none.code).toBe(2);
  });

  it('starts nothing if no worker polls the task queue', async ({ expect }) => {
    const { code, stderr } = await chat('Hello.\n', 'support-desk', '-q', 'empty');
    expect(stderr).toMatch(/^plait: No worker polls task queue empty .*\n$/);
    expect(code).toBe(3);
  });

  it('says why a turn of an unknown agent failed', async ({ expect }) => {
    const { code, stderr } = await chat('Hello.\n', 'nobody');
    expect(stderr).toMatch(/The turn failed: .*nobody.*support-desk/);
    expect(code).toBe(6);
  });
});

it('plait chat --demo brings everything it needs', async () => {
  const { code, stdout, stderr } = await plait(['chat', '--demo'], { input: `${FULL_PICTURE}\n` });
  expect(stdout).toMatch(/^Ada Martin .*\n$/);
  expect(stderr).toMatch(/UI +http:\/\/.*\/workflows\/support-desk-/);
  expect(code).toBe(0);
});

/** A chat on a screen that the test can read. */
async function openChat(session: SessionHandle, { client } = environment.agents) {
  const { terminal, type, input, output } = fakeTty();
  const options = { client, session, by: 'ana', said: [], style: PLAIN, input, output };
  const opening = await readOpening(session, 20);
  const about = { agent: agentOf(opening, 'support-desk', session.sessionId), link: undefined };
  const lines = openingLines(
    opening,
    { ...about, sessionId: session.sessionId },
    { columns: 80, style: PLAIN },
  );
  const ended = new TerminalChat(options).run(lines);
  await terminal.shows(/\n› $|\n›$|\? /);
  return { terminal, type, ended };
}

function newSession(): SessionHandle {
  return environment.agents.openSession(supportDesk, newId());
}

describe.concurrent('plait chat in a terminal', () => {
  it('prints the turn and its answer above the prompt, and clears the prompt at the end', async ({
    expect,
  }) => {
    const { terminal, type, ended } = await openChat(newSession());
    type(`${FULL_PICTURE}\r`);
    await terminal.shows('get_tickets');
    type('half a li');
    await terminal.shows('› half a li');
    await terminal.shows(/tokens in[^]*› half a li$/);
    type('\u0003');
    await terminal.shows(/Press Ctrl-C again to leave\.\n\n›$/);
    type('\u0003');
    await ended;

    const [said, ...lines] = terminal.text.slice(terminal.text.indexOf('› Give')).split('\n');
    expect(said).toBe(`› ${FULL_PICTURE}`);
    expect(lines.filter((line) => line.includes('get_'))).toHaveLength(3);
    expect(lines.filter((line) => line.includes('●'))).toHaveLength(2);
    expect(lines.join('\n')).toMatch(/\nAda Martin .*\n/);
    expect(lines.at(-1)).toBe('');
    expect(lines.at(-2)).toMatch(/^ {2}2 model requests · 3 calls/);
    expect(terminal.text).not.toContain('half');
  });

  it('shows what the model has written so far, above the prompt, until the turn has ended', async ({
    expect,
  }) => {
    const { terminal, type, ended } = await openChat(newSession());
    type('Slowly.\r');
    await terminal.shows(/ {2}Word by word/);
    wasSeen.open();
    await terminal.shows(/\nWord by word[^]* done\.\n[^]*tokens in/);
    expect(terminal.text.match(/Word by word/g)).toHaveLength(1);
    type('\u0004');
    await ended;
  });

  it('asks about a call, rejects an invalid edited input, and sends the decision', async ({
    expect,
  }) => {
    const session = newSession();
    const { terminal, type, ended } = await openChat(session);
    type(`${REFUND}\r`);
    await terminal.shows(/‖ refund_order waits for your approval[^]*"cents": 12900[^]*approve\?/);
    type('maybe\r');
    await terminal.shows('Answer y, n, e or l.');
    type('e\r');
    await terminal.shows('input › {"order":"A-1093","cents":12900}');
    type('\u0015{"order":"A-1093","cents":"all"}\r');
    await terminal.shows(/Rejected: .*schema[^]*approve\?/);
    type('e\r');
    await terminal.shows(/input › {.*12900}/);
    type('\u007F\u007F\u007F\u007F0}\r');
    await terminal.shows('Order A-1093: 1.20 EUR are on their way.');
    type('\u0004');
    await ended;
    expect(terminal.text).toContain('Approved refund_order(order: A-1093, cents: 120), as ana.');
    // The chat learns of the end from the turn, perhaps before the session does.
    await untilIdle(session);
    const { turnId } = (await session.describe()).lastTurn ?? { turnId: '' };
    const { calls } = await environment.agents.getTurn(turnId).result();
    expect(calls[0]?.approval).toMatchObject({ decision: 'approved', by: 'ana' });
  });

  it('returns to a turn that waits, and shows what was said before', async ({ expect }) => {
    const session = newSession();
    const before = await openChat(session);
    before.type('Hello.\r');
    await before.terminal.shows(/I am a script[^]*tokens in/);
    before.type(`${REFUND}\r`);
    await before.terminal.shows('approve?');
    before.type('\u0004');
    await before.ended;
    expect((await session.describe()).status).toBe('busy');

    const { terminal, type, ended } = await openChat(
      environment.agents.getSession(session.sessionId),
    );
    await terminal.shows(/› Hello\.\n\nI am a script[^]*› Refund order A-1093\.[^]*approve\?/);
    type('n\r');
    await terminal.shows('why not?');
    type('too much\r');
    await terminal.shows(/so it did not run: too much\n[^]*tokens in/);
    type('/exit\r');
    await ended;
    expect(await session.describe()).toMatchObject({ status: 'idle', turns: 2 });
  });

  it('queues messages meanwhile, steers with /steer, and interrupts with Ctrl-C', async ({
    expect,
  }) => {
    const session = newSession();
    const { terminal, type, ended } = await openChat(session);
    type(`${REFUND}\r`);
    await terminal.shows('approve?');
    type('l\r');
    await terminal.shows('1 call waits for you. Type /approvals to decide.');
    type('Next, please.\r/steer Faster.\r');
    await terminal.shows(/waiting: Next, please\.\n {2}steering: Faster\./);
    type('\u0003');
    await terminal.shows('The turn ended with cancelled');
    await terminal.shows(/› Faster\.\n[^]*› Next, please\.\n[^]*tokens in/);
    expect(await session.describe()).toMatchObject({ status: 'idle', turns: 3 });
    type('\u0004');
    await ended;
  });

  it('shows a message that the running turn has read', async ({ expect }) => {
    const session = newSession();
    const { terminal, type, ended } = await openChat(session);
    type(`${REFUND}\r`);
    await terminal.shows('approve?');
    type('l\r');
    await terminal.shows('1 call waits for you');
    type('/steer Be quick.\r');
    await terminal.shows('steering: Be quick.');
    const { runningTurn } = await session.describe();
    await handedOn(environment.agents, { joins: runningTurn, turnId: session.sessionId });
    type('/approvals\r');
    await terminal.shows(/approve\? .*$/);
    type('y\r');
    await terminal.shows(/› Be quick\.\n {2}\(read in this turn\)\n[^]*tokens in/);
    type('\u0004');
    await ended;
    expect(await session.describe()).toMatchObject({ status: 'idle', turns: 1 });
  });

  it('sends a pasted text as one message', async ({ expect }) => {
    const session = newSession();
    const { terminal, type, ended } = await openChat(session);
    type('\u001B[200~one\rtwo\u001B[201~');
    await terminal.shows('› one\n  two');
    type('\r');
    await terminal.shows('tokens in');
    type('/close\r');
    await ended;
    const { messages } = await session.transcript();
    expect(messages[0]).toMatchObject({ content: 'one\ntwo' });
    expect(terminal.text).toContain('The session is closed');
    expect(await session.describe()).toMatchObject({ status: 'closed' });
  });
});

it('a chat says that the server does not answer, and goes on when it answers again', async () => {
  const server = await startTemporalServer();
  try {
    await using own = await startTestEnvironment({
      agents: [supportDesk],
      script: supportScript,
      temporal: { address: server.address },
      ...inThisThread,
    });
    // Its own connection, which is never closed: a retry of the SDK would throw from a timer.
    const connection = await Connection.connect(withDefaults({ address: server.address }));
    const agents = new AgentClient({
      client: new Client({ connection }),
      taskQueue: own.taskQueue,
    });
    const { terminal, type, ended } = await openChat(
      agents.openSession(supportDesk, newId()),
      agents,
    );
    type(`${REFUND}\r`);
    await terminal.shows('approve?');
    process.kill(server.pid, 'SIGSTOP');
    await terminal.shows('The Temporal server does not answer. Waiting for it');
    process.kill(server.pid, 'SIGCONT');
    await terminal.shows(/^(?![^]*does not answer)/);
    type('y\r');
    await terminal.shows('Order A-1093: 129.00 EUR are on their way.');
    type('\u0004');
    await ended;
  } finally {
    process.kill(server.pid, 'SIGCONT');
    await server.stop();
  }
});

import { Runtime } from '@temporalio/worker';
import { describe, expect, test, vi } from 'vitest';
import { defineAgent } from '../../index.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { startPlait } from '../fixtures/plait.ts';
import { newSessionId, untilIdle } from '../fixtures/sessions.ts';
import { reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

const WORDS = 'what did *ada* order?';

/** What the Temporal UI asks a worker for, and shows beside the run. */
async function currentDetails({ workflow }: TurnHandle): Promise<string> {
  const metadata = await workflow.query('__temporal_workflow_metadata');
  return (metadata as { currentDetails: string }).currentDetails;
}

/** What it shows of a run and of its bars. */
async function shown(turn: TurnHandle) {
  const { workflow } = turn;
  const described = await workflow.describe();
  const { events } = await workflow.fetchHistory();
  const summaries = (events ?? []).flatMap(({ userMetadata }) => userMetadata?.summary?.data ?? []);
  return {
    summary: await described.staticSummary(),
    details: await described.staticDetails(),
    asked: described.memo?.['asked'],
    // A timer that is cancelled has its own once more.
    bars: new Set(summaries.map((data) => JSON.parse(Buffer.from(data).toString()) as string)),
  };
}

function desk(name: string, summaries: boolean) {
  return defineAgent({
    name,
    model: 'claude-opus-5-5',
    summaries,
    tools: [
      writer('pay', () => 'paid', { approval: 'always' }),
      writer('scan', (_, ctx) => ctx.later({ timeout: '1d' })),
      reader('look', () => 'seen', { summary: ({ id }) => `customer ${String(id)}` }),
    ],
  });
}

describe("the Temporal UI's view of a turn", () => {
  test('says in words what it waits for and why it ended, without what people wrote if that is hidden', async () => {
    const [open, closed] = [desk('open', true), desk('closed', false)];
    await using plait = await startPlait({
      agents: [open, closed],
      script: conversation(/ada/, [
        callTools([
          ['pay', { to: 'ada' }],
          ['scan', { year: 1999 }],
          ['look', { id: 7 }],
        ]),
        say('Paid.'),
      ]),
    });
    const { agents } = plait;
    const debug = vi.spyOn(Runtime.instance().logger, 'debug');
    const sessionId = newSessionId();
    const session = agents.openSession(closed, sessionId, { user: 'u-1' });
    const turns = [
      await agents.start(open, WORDS, { user: 'u-1', batchTimeout: '1h' }),
      await agents.start(closed, WORDS, { user: 'u-1' }),
      agents.getTurn((await session.send(WORDS)).turnId),
    ] as const;
    for (const turn of turns) {
      await waitingCalls(turn, 1);
      await until(
        () => currentDetails(turn),
        (text) => /1 of 3 calls ended/.test(text) && /completed from outside/.test(text),
      );
    }

    const [first, second, third] = turns;
    expect((await currentDetails(first)).split('\n')).toEqual([
      expect.stringMatching(
        /^\*\*Round 1: waiting for a person and calls\*\*, since [\d-]+ [\d:]+ UTC\. 1 of 3 calls ended\.$/,
      ),
      '',
      '- **pay** (to: ada) waits for a person',
      '- **scan** (year: 1999) waits to be completed from outside',
      '',
      expect.stringMatching(/^Used: 1 round, 0 answered calls, [\d,]+ tokens in.*, \d+ out\.$/),
    ]);
    expect(await currentDetails(second)).toContain(
      '\n- **pay** waits for a person\n- **scan** waits',
    );
    for (const turn of turns) {
      const [call] = await turn.approvals();
      await turn.deny(call?.callId ?? '', { by: 'bob', reason: 'too dear' });
      await turn.cancel();
      await turn.result();
    }

    expect(await currentDetails(first)).toMatch(
      /^\*\*Ended with cancelled\*\*, .*\n\nBegan .*\n\n- \*\*pay\*\*: denied by bob, .*: too dear\n\nUsed: 1 round, 3 /,
    );
    const all = await shown(first);
    expect(all.summary).toBe(String.raw`open: what did \*ada\* order?`);
    expect(all.details).toBe(
      ['**Agent** open', '**User** u-1', String.raw`**Message** what did \*ada\* order?`].join(
        '\n\n',
      ),
    );
    expect(all.asked).toBe(WORDS);
    expect(all.bars).toEqual(
      new Set([
        all.summary,
        'round 1',
        'round 1 · customer 7',
        'round 1 · year: 1999',
        'round 1: time limit of all calls',
        'pay waits for a person · to: ada',
        'scan waits to be completed · year: 1999',
      ]),
    );
    await untilIdle(session);
    const lines = debug.mock.calls.flatMap(([, meta]) =>
      meta?.['sdkComponent'] === 'plait' ? [meta as Record<string, unknown>] : [],
    );
    debug.mockRestore();
    const linesOf = ({ turnId }: TurnHandle) => lines.filter((line) => line['turnId'] === turnId);
    expect(linesOf(first).map(({ event, tool, outcome }) => [event, tool, outcome])).toEqual([
      ['plait.turn.began', undefined, undefined],
      ['plait.model.replied', undefined, undefined],
      ['plait.approval.requested', 'pay', undefined],
      ['plait.call.ended', 'look', 'succeeded'],
      ['plait.approval.decided', 'pay', undefined],
      ['plait.call.ended', 'pay', 'denied'],
      ['plait.call.ended', 'scan', 'cancelled'],
      ['plait.turn.ended', undefined, undefined],
    ]);
    const { turnId } = third;
    const ofSession = lines.filter((line) => line['sessionId'] === sessionId);
    expect(ofSession.map(({ event }) => event).slice(0, 3)).toEqual([
      'plait.session.began',
      'plait.message.received',
      'plait.turn.began',
    ]);
    expect(ofSession[1]).toMatchObject({ agent: 'closed', turnId, waiting: 1 });
    expect(ofSession.at(-1)).toMatchObject({ event: 'plait.turn.recorded', turnId });
    // Ids may hold three such letters.
    expect(JSON.stringify(lines)).not.toMatch(/\bada\b|bob|dear/);
    for (const turn of [second, third]) {
      const { bars, ...words } = await shown(turn);
      const told = JSON.stringify([words, [...bars], await currentDetails(turn)]);
      expect(told).toContain('pay waits for a person');
      expect(told).not.toMatch(/ada|1999|customer|bob|dear/);
    }
    expect((await shown(third)).details).toBe(
      `**Agent** closed\n\n**Session** ${sessionId.replaceAll('_', '\\_')}\n\n**User** u-1`,
    );
  });
});

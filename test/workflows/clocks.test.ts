import { afterEach, describe, expect, test, vi } from 'vitest';
import { callTools, paced, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { newSessionId } from '../fixtures/sessions.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

// Machines' clocks differ: a worker's may be minutes ahead of the server's or behind it.

afterEach(() => {
  vi.restoreAllMocks();
});

/** The clock of this process, and so of the worker in it, is off by so much. */
function clockIsOff(milliseconds: number): void {
  const { now } = Date;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + milliseconds);
}

describe.each([
  ['two minutes ahead', 120_000],
  ['two minutes behind', -120_000],
])('a worker whose clock is %s', (_, off) => {
  test('gives a turn all the time that its agent allows', async () => {
    let attempts = 0;
    const look = reader('look', () => {
      attempts += 1;
      if (attempts === 1) throw new Error('not yet');
      return 'seen';
    });
    const agent = agentWith([look], { limits: { wallTime: '1m' } });
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [callTools({ look: {} }), say('Done.')]),
    });
    clockIsOff(off);
    const { stopReason, calls } = await plait.agents.execute(agent, 'go');
    expect(stopReason).toBe('end_turn');
    expect(calls).toHaveLength(1);
    for (const { start, end } of calls) {
      expect(Date.parse(end)).toBeGreaterThanOrEqual(Date.parse(start));
    }
  });

  test('gives it no more than that', async () => {
    const silent = paced({ firstByteMs: 60_000 }, say('Too late.'));
    const agent = agentWith([], { limits: { wallTime: '2s' } });
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [silent]),
    });
    clockIsOff(off);
    const { stopReason } = await plait.agents.execute(agent, 'go');
    expect(stopReason).toBe('max_wall_time');
  });

  test('gives the API its sandbox for as long as the API keeps it, and no longer', async () => {
    const agent = agentWith([]);
    const container = {
      id: 'container_1',
      expires_at: new Date(Date.now() + 30_000).toISOString(),
    };
    const gone = { id: 'container_2', expires_at: new Date(Date.now() + 50).toISOString() };
    await using plait = await startPlait({
      agents: [agent],
      script: ({ userText }) => {
        if (userText === 'first') return { ...say('Begun.'), container };
        return userText === 'second' ? { ...say('Begun anew.'), container: gone } : say('Done.');
      },
    });
    const session = plait.agents.openSession(agent, newSessionId());
    await (await session.send('first')).result();
    clockIsOff(off);
    await (await session.send('second')).result();
    // The scripted API has the clock of this process, and may reject it.
    const sent = plait.model.requests.map(({ body }) => body?.container);
    expect(sent).toContain('container_1');
    expect(await (await session.send('third')).result()).toMatchObject({ text: 'Done.' });
  });
});

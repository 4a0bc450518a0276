import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { TurnHandle } from '../../client/index.ts';
import { findingsOf } from '../../cli/show/findings.ts';
import { factsOf } from '../../cli/show/facts.ts';
import { detailsOf } from '../../core/turn/static-details.ts';
import type { ToolContext } from '../../index.ts';
import { directoryStorage } from '../../storage/index.ts';
import { allRows } from '../../client/follow/waterfall.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import { fault } from '../../testing/faults.ts';
import { callTools, refuse, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import { reset } from '../fixtures/reset.ts';
import { newSessionId, untilIdle } from '../fixtures/sessions.ts';
import { agentNamed, answers, ask, limitsIn, using } from '../fixtures/sub-agents.ts';
import { reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

const prices = { input: 1_000, output: 1_000 };

describe('sub-agents', () => {
  test.concurrent('run at the same time, each as a child workflow, and only their answers are read', async () => {
    const door = new Door();
    const scout = agentNamed(
      'scout',
      [
        reader('look', async (_input, { context, user }: ToolContext) => {
          await door.pass();
          return JSON.stringify({ context, user });
        }),
      ],
      { prices },
    );
    const lead = agentNamed('lead', [ask(scout)], { prices });
    const prompts = ['the coast', 'the hills', 'the town'];
    await using plait = await startPlait({
      agents: [lead],
      script: script(
        conversation('Where to?', [
          using(callTools(prompts.map((prompt) => ['scout', { prompt }] as const)), 100, 10),
          using(say('To the coast.'), 200, 20),
        ]),
        conversation(/^the/, [
          using(callTools({ look: {} }), 10, 1),
          ({ userText }) => using(say(`${userText} is fine.`), 20, 2),
        ]),
      ),
    });

    const turn = await plait.agents.start(lead, 'Where to?', {
      context: { tenant: 7 },
      user: 'ana',
    });
    await door.reached(3);
    const running = await turn.workflow.describe();
    const seen = await factsOf(plait.agents.client, turn.turnId);
    door.open();
    const result = await turn.result();

    expect(running.raw.pendingChildren).toHaveLength(3);
    expect(findingsOf(seen)).toHaveLength(3);
    for (const { what, where } of findingsOf(seen)) {
      expect(what).toMatch(/^look has run for/);
      expect(where).toMatch(/^In turn \S+\.toolu_\w+ of agent scout, for scout\(prompt: the /);
    }
    expect(result.text).toBe('To the coast.');
    expect(answers(result)).toEqual(prompts.map((prompt) => `${prompt} is fine.`));
    expect(result.messages).toHaveLength(4);
    expect(result.usage).toMatchObject({ input_tokens: 390, output_tokens: 39 });
    expect(result.costUSD).toBe(0.429);
    expect(result.calls).toHaveLength(3);
    for (const { id, outcome, attempts, subAgent } of result.calls) {
      expect({ outcome, attempts }).toEqual({ outcome: 'succeeded', attempts: 1 });
      expect(subAgent).toMatchObject({
        turnId: `${turn.turnId}.${id}`,
        agent: 'scout',
        stopReason: 'end_turn',
        rounds: 2,
        toolCalls: 1,
        usage: { input_tokens: 30, output_tokens: 3 },
        costUSD: 0.033,
      });
    }
    const [first] = result.calls;
    const sub = plait.agents.getTurn(first?.subAgent?.turnId ?? '');
    const { memo } = await sub.workflow.describe();
    expect(memo).toMatchObject({
      agent: 'scout',
      user: 'ana',
      parentTurnId: turn.turnId,
      callId: first?.id,
      path: ['lead', 'scout'],
    });
    const whole = await sub.result();
    expect(whole).toMatchObject({
      agent: 'scout',
      stopReason: 'end_turn',
      text: 'the coast is fine.',
      rounds: 2,
    });
    expect(whole.messages).toHaveLength(4);
    expect(answers(whole)).toEqual(['{"context":{"tenant":7},"user":"ana"}']);
    expectTurn(whole).answeredEveryCall();
    // The row of the call has the id of its turn.
    const { events } = await turn.workflow.fetchHistory();
    const started = (events ?? []).flatMap(
      ({ startChildWorkflowExecutionInitiatedEventAttributes: child }) => child?.workflowId ?? [],
    );
    expect(started).toEqual(result.calls.map(({ id }) => `${turn.turnId}.${id}`));
    const about = await sub.workflow.describe();
    expect(about.memo?.['asked']).toBe('the coast');
    expect(await about.staticSummary()).toBe('scout: the coast');
    expect(await about.staticDetails()).toBe(
      detailsOf({ agent: 'scout', user: 'ana', callingTurn: turn.turnId, input: 'the coast' }),
    );
  });

  test.concurrent('may have sub-agents themselves, and everything adds up at the top', async () => {
    const scout = agentNamed('scout', [reader('look', () => 'seen')]);
    const guide = agentNamed('guide', [ask(scout, { summary: false })]);
    const lead = agentNamed('lead', [ask(guide)]);
    await using plait = await startPlait({
      agents: [lead],
      script: script(
        conversation('go', [
          using(callTools({ guide: { prompt: 'guide me' } }), 1, 1),
          using(say('Done.'), 1, 1),
        ]),
        conversation('guide me', [
          using(callTools({ scout: { prompt: 'scout' } }), 10, 10),
          using(say('Guided.'), 10, 10),
        ]),
        conversation('scout', [
          using(callTools({ look: {} }), 100, 100),
          using(say('Scouted.'), 100, 100),
        ]),
      ),
    });

    const turn = await plait.agents.start(lead, 'go');
    const result = await turn.result();

    expect(result.usage).toMatchObject({ input_tokens: 222, output_tokens: 222 });
    expect(result.calls[0]?.subAgent).toMatchObject({ agent: 'guide', toolCalls: 2, rounds: 2 });
    const guided = await plait.agents.getTurn(result.calls[0]?.subAgent?.turnId ?? '').result();
    const { turnId = '' } = guided.calls[0]?.subAgent ?? {};
    const scouted = await plait.agents.getTurn(turnId).workflow.describe();
    expect(scouted.memo?.['path']).toEqual(['lead', 'guide', 'scout']);
    expect(scouted.memo).not.toHaveProperty('asked');
    expect(await scouted.staticSummary()).toBe('scout');

    const { turn: seen } = await factsOf(plait.agents.client, turn.turnId);
    expect(seen.timing).toEqual(result.timing);
    const rows = allRows(seen.rows).map(({ name, critical }) => [name, critical]);
    expect(rows).toEqual([
      ['model', true],
      ['guide', true],
      ['model', true],
      ['scout', true],
      ['model', true],
      ['look', true],
      ['model', true],
      ['model', true],
      ['model', true],
    ]);
  });

  test.concurrent('do not run below the limit of levels, and the model reads why', async () => {
    const scout = agentNamed('scout');
    const guide = agentNamed('guide', [ask(scout)]);
    const lead = agentNamed('lead', [ask(guide)], { limits: { depth: 2 } });
    const top = agentNamed('top', [ask(lead)]);
    await using plait = await startPlait({
      agents: [{ ...top, limits: { ...top.limits, depth: 2 } }],
      script: script(
        conversation('go', [callTools({ lead: { prompt: 'lead' } }), say('Done.')]),
        conversation('lead', [callTools({ guide: { prompt: 'guide' } }), say('Led.')]),
        conversation('guide', [
          callTools({ scout: { prompt: 'scout' } }),
          ({ toolResults }) => say(JSON.stringify(toolResults)),
        ]),
      ),
    });

    const result = await plait.agents.execute('top', 'go');

    const led = await plait.agents.getTurn(result.calls[0]?.subAgent?.turnId ?? '').result();
    expect(answers(led)).toEqual([expect.stringMatching(/Agent scout did not run.*limits\.depth/)]);
  });

  test.concurrent('answer with a schema, from an input with a schema', async () => {
    const scout = agentNamed('scout');
    const lead = agentNamed('lead', [
      ask(scout, {
        name: 'find',
        input: z.object({ city: z.string(), days: z.number() }),
        output: z.object({ place: z.string() }),
      }),
    ]);
    await using plait = await startPlait({
      agents: [lead],
      script: script(
        conversation('go', [callTools({ find: { days: 2, city: 'Oslo' } }), say('Done.')]),
        conversation('{"city":"Oslo","days":2}', [say('{"place":"fjord"}')]),
      ),
    });

    const result = await plait.agents.execute(lead, 'go');

    expect(answers(result)).toEqual(['{"place":"fjord"}']);
    expect(
      await plait.agents.getTurn(result.calls[0]?.subAgent?.turnId ?? '').result(),
    ).toMatchObject({
      output: { place: 'fjord' },
    });
  });

  test.concurrent('that decline, run out of budget or fail are distinguished', async () => {
    const scout = agentNamed('scout', [reader('look', () => 'seen')], { limits: { rounds: 1 } });
    const lead = agentNamed('lead', [ask(scout)]);
    await using plait = await startPlait({
      agents: [lead],
      script: script(
        conversation('go', [
          callTools(
            ['answer', 'decline', 'look on', 'look', 'break'].map(
              (prompt) => ['scout', { prompt }] as const,
            ),
          ),
          say('Done.'),
        ]),
        conversation('answer', [say('Here it is.')]),
        conversation('decline', [refuse({ category: 'cyber', explanation: 'Not this.' })]),
        conversation('look on', [callTools({ look: {} }, { text: 'So far: sand.' })]),
        conversation('look', [callTools({ look: {} })]),
        conversation('break', [fault.status(401, 'authentication_error', 'invalid x-api-key')]),
      ),
    });

    const result = await plait.agents.execute(lead, 'go');

    expect(result.stopReason).toBe('end_turn');
    expect(answers(result)).toEqual([
      'Here it is.',
      'Agent scout declined to answer: Not this.',
      '[Agent scout stopped before it had finished: The limit of 1 round is reached. What it has so far:]\n\nSo far: sand.',
      'Agent scout stopped before it had a text: The limit of 1 round is reached.',
      expect.stringMatching(/^Agent scout failed: .*invalid x-api-key/) as string,
    ]);
    expect(result.calls.map(({ outcome, subAgent }) => [outcome, subAgent?.stopReason])).toEqual([
      ['succeeded', 'end_turn'],
      ['failed', 'refusal'],
      ['succeeded', 'max_rounds'],
      ['failed', 'max_rounds'],
      ['failed', 'failed'],
    ]);
    const failed = plait.agents.getTurn(result.calls[4]?.subAgent?.turnId ?? '');
    await expect(failed.result()).rejects.toMatchObject({
      progress: { rounds: 0, messages: [{ role: 'user' }] },
    });
  });

  test.concurrent('may run on a task queue of their own, which other workers serve', async () => {
    const scout = agentNamed('scout');
    await using elsewhere = await startPlait({
      agents: [scout],
      script: conversation('look', [say('From elsewhere.')]),
    });
    const lead = agentNamed('lead', [ask(scout, { taskQueue: elsewhere.taskQueue })]);
    await using plait = await startPlait({
      agents: [lead],
      script: conversation('go', [callTools({ scout: { prompt: 'look' } }), say('Done.')]),
    });

    expect(answers(await plait.agents.execute(lead, 'go'))).toEqual(['From elsewhere.']);
    expect(elsewhere.model.requests).toHaveLength(1);
  });

  test.concurrent('with a long answer are cut, and the rest can be read', async () => {
    const storage = directoryStorage(mkdtempSync(join(tmpdir(), 'plait-sub-agents-')));
    const scout = agentNamed('scout');
    const lead = agentNamed('lead', [ask(scout, { maxResultBytes: 2_000 })]);
    await using plait = await startPlait({
      agents: [lead],
      storage,
      script: script(
        conversation('go', [
          callTools({ scout: { prompt: 'tell' } }),
          ({ toolResults }) =>
            callTools({ read_result: { id: toolResults[0]?.tool_use_id, offset: 2_900 } }),
          say('Done.'),
        ]),
        conversation('tell', [say(`${'long '.repeat(600)}end`)]),
      ),
    });

    const turn = await plait.agents.start(lead, 'go');
    const result = await turn.result();

    expect(answers(result)).toEqual([expect.stringMatching(/long end$/) as string]);
    expect(JSON.stringify(result.messages[2])).toMatch(/bytes are left out here/);
    expect(result.calls[0]).toMatchObject({
      outcome: 'succeeded',
      subAgent: { stopReason: 'end_turn' },
    });
  });
});

/** A turn whose sub-agent waits at a door in its second round. */
async function waiting({ tool = writer }: { tool?: typeof writer } = {}) {
  const door = new Door();
  const scout = agentNamed(
    'scout',
    [
      tool('look', async (_input, { signal }: ToolContext) => {
        await door.pass(signal);
        return 'seen';
      }),
    ],
    { prices },
  );
  const lead = agentNamed('lead', [ask(scout)], { prices });
  const plait = await startPlait({
    agents: [lead],
    script: script(
      conversation('go', [
        using(callTools({ scout: { prompt: 'look' } }), 100, 10),
        using(say('Done.'), 100, 10),
      ]),
      conversation('look', [using(callTools({ look: {} }), 10, 1), using(say('Seen.'), 10, 1)]),
      conversation(/./, [({ userText }) => say(`You said: ${userText}`)]),
    ),
  });
  return { plait, lead, door };
}

async function subTurnOf(
  plait: { agents: { getTurn: (id: string) => TurnHandle } },
  turn: TurnHandle,
) {
  const { raw } = await until(
    () => turn.workflow.describe(),
    ({ raw: about }) => about.pendingChildren?.length === 1,
  );
  return plait.agents.getTurn(raw.pendingChildren?.[0]?.workflowId ?? '');
}

const statusOf = async ({ workflow }: TurnHandle) => (await workflow.describe()).status.name;

describe('sub-agents are ended by what ends their turn:', () => {
  test.concurrent('a cancel, and what they have spent is kept', async () => {
    const { plait, lead, door } = await waiting();
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await door.reached();
    const sub = await subTurnOf(plait, turn);
    await turn.cancel();
    const result = await turn.result();

    expect(result).toMatchObject({
      stopReason: 'cancelled',
      usage: { input_tokens: 110, output_tokens: 11 },
      costUSD: 0.121,
      calls: [
        { outcome: 'cancelled', subAgent: { stopReason: 'cancelled', rounds: 1, toolCalls: 1 } },
      ],
    });
    expect(answers(result)).toEqual([
      expect.stringMatching(/cancelled while it ran.*may or may not/) as string,
    ]);
    expect(await sub.result()).toMatchObject({
      stopReason: 'cancelled',
      calls: [{ outcome: 'cancelled' }],
    });
    expectTurn(result).answeredEveryCall();
  });

  test.concurrent('the time limit for all calls of a reply, after which the turn goes on', async () => {
    const { plait, lead, door } = await waiting({ tool: reader });
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go', { batchTimeout: '5s' });
    await door.reached();
    const sub = await subTurnOf(plait, turn);
    const result = await turn.result();

    expect(result).toMatchObject({ stopReason: 'end_turn', calls: [{ outcome: 'timedOut' }] });
    expect(answers(result)).toEqual([
      expect.stringMatching(/^Timed out: .*batchTimeout/) as string,
    ]);
    expect(result.usage).toMatchObject({ output_tokens: 21 });
    expect(await sub.result()).toMatchObject({ stopReason: 'cancelled' });
  });

  test.concurrent('the time of the turn', async () => {
    const { plait, lead, door } = await waiting();
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go', { limits: { wallTime: '10s' } });
    await door.reached();
    const sub = await subTurnOf(plait, turn);

    expect(await turn.result()).toMatchObject({
      stopReason: 'max_wall_time',
      calls: [{ outcome: 'timedOut' }],
    });
    expect(await statusOf(sub)).toBe('COMPLETED');
  });

  test.concurrent('a failing sibling under cancelSiblings', async () => {
    const { plait, lead, door } = await waiting();
    await using _ = plait;
    const failing = script(
      conversation('both', [
        callTools([
          ['scout', { prompt: 'look' }],
          ['scout', { prompt: 'break' }],
        ]),
        say('Done.'),
      ]),
      conversation('break', [
        async () => {
          await door.reached();
          return refuse({ explanation: 'No.' });
        },
      ]),
      conversation('look', [callTools({ look: {} })]),
    );
    const scout = agentNamed('scout', [writer('look', (_input, { signal }) => door.pass(signal))]);
    const other = agentNamed('lead', [ask(scout)], { onToolFailure: 'cancelSiblings' });
    await using both = await startPlait({ agents: [other], script: failing });
    const result = await both.agents.execute(other, 'both');

    expect(result.calls.map(({ outcome }) => outcome)).toEqual(['cancelled', 'failed']);
    expect(answers(result)[0]).toMatch(
      /cancelled while it ran, because scout .* failed: Agent scout declined/,
    );
    expect(lead.name).toBe('lead');
  });

  test.concurrent('a termination', async () => {
    const { plait, lead, door } = await waiting();
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await door.reached();
    const sub = await subTurnOf(plait, turn);
    await turn.workflow.terminate('by an operator');

    await until(
      () => statusOf(sub),
      (status) => status === 'TERMINATED',
    );
  });

  test.concurrent('a message that interrupts the turn of a session, which keeps what they have spent', async () => {
    const { plait, lead, door } = await waiting();
    await using _ = plait;
    const session = plait.agents.openSession(lead, newSessionId());
    const turn = await session.send('go');
    await door.reached();
    const sub = await subTurnOf(plait, turn);
    const next = await session.send('stop', { whenBusy: 'interrupt' });

    expect(await turn.result()).toMatchObject({ stopReason: 'cancelled' });
    expect(await next.result()).toMatchObject({ text: 'You said: stop' });
    expect(await sub.result()).toMatchObject({ stopReason: 'cancelled' });
    await untilIdle(session);
    const { spent } = await session.describe();
    expect(spent).toMatchObject({ toolCalls: 2 });
    expect(spent.inputTokens).toBeGreaterThanOrEqual(110);
  });
});

describe('a sub-agent that is ended from outside', () => {
  test.concurrent('by a termination has an unknown outcome for the model, and its spending is kept', async () => {
    const { plait, lead, door } = await waiting();
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await door.reached();
    await (await subTurnOf(plait, turn)).workflow.terminate('by an operator');
    const result = await turn.result();

    expect(result).toMatchObject({
      stopReason: 'end_turn',
      calls: [{ outcome: 'unknown', subAgent: { stopReason: 'failed', rounds: 1 } }],
      usage: { input_tokens: 210, output_tokens: 21 },
    });
    expect(answers(result)).toEqual([
      expect.stringMatching(
        /^The turn of agent scout was ended from outside: .*may or may not/,
      ) as string,
    ]);
  });

  test.concurrent('by a cancel is cancelled, and the turn goes on', async () => {
    const { plait, lead, door } = await waiting({ tool: reader });
    await using _ = plait;
    const turn = await plait.agents.start(lead, 'go');
    await door.reached();
    await (await subTurnOf(plait, turn)).cancel();

    expect(await turn.result()).toMatchObject({
      stopReason: 'end_turn',
      calls: [{ outcome: 'cancelled', message: 'The call was cancelled.' }],
    });
  });
});

test.concurrent('a turn that is reset finds its sub-agent instead of starting another', async () => {
  const { plait, lead, door } = await waiting({ tool: reader });
  await using _ = plait;
  const turn = await plait.agents.start(lead, 'go');
  await door.reached();
  door.open();
  await turn.result();
  // Before the sub-agent is started.
  await reset(plait.agents, turn.workflow, 1);

  const again = await plait.agents.getTurn(turn.turnId).result();

  expect(again).toMatchObject({
    stopReason: 'end_turn',
    usage: { input_tokens: 220, output_tokens: 22 },
  });
  expect(answers(again)).toEqual(['Seen.']);
  // Its model was asked twice, and not four times.
  const asked = plait.model.requests.filter(({ body }) =>
    JSON.stringify(body?.messages[0]).includes('look'),
  );
  expect(asked).toHaveLength(2);
});

test.concurrent('a turn and its sub-agents may continue in new runs', async () => {
  const scout = agentNamed('scout', [reader('look', () => 'seen')], {
    limits: { historyEvents: 20 },
  });
  const lead = agentNamed('lead', [ask(scout)], { limits: { historyEvents: 20 } });
  const looks = Array.from({ length: 8 }, (_, i) => callTools({ look: { i } }));
  const asks = Array.from({ length: 5 }, (_, i) => callTools({ scout: { prompt: `look ${i}` } }));
  await using plait = await startPlait({
    agents: [lead],
    script: script(
      conversation('go', [...asks, say('Done.')]),
      conversation(/^look/, [...looks, say('Seen.')]),
    ),
  });

  const turn = await plait.agents.start(lead, 'go');
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'end_turn', rounds: 6 });
  expect(result.calls.map(({ outcome, subAgent }) => [outcome, subAgent?.rounds])).toEqual(
    Array.from({ length: 5 }, () => ['succeeded', 9]),
  );
  const about = await turn.workflow.describe();
  expect(about.raw.workflowExecutionInfo?.firstRunId).not.toBe(about.runId);
  const sub = plait.agents.getTurn(result.calls[4]?.subAgent?.turnId ?? '');
  const subAbout = await sub.workflow.describe();
  expect(subAbout.raw.workflowExecutionInfo?.firstRunId).not.toBe(subAbout.runId);
  expect((await sub.result()).messages).toHaveLength(18);
});

const asking = (...prompts: string[]) =>
  using(callTools(prompts.map((prompt) => ['scout', { prompt }] as const)), 10, 100);

describe('the budget of a turn is reserved for its sub-agents', () => {
  test.concurrent('in equal shares, and what is not used goes to those that start later', async () => {
    const scout = agentNamed('scout');
    const lead = agentNamed('lead', [ask(scout, { concurrency: 1 })]);
    await using plait = await startPlait({
      agents: [lead],
      script: script(
        conversation('go', [asking('a', 'b'), using(say('Done.'), 10, 100)]),
        conversation(/^[ab]$/, [using(say('Seen.'), 10, 100)]),
      ),
    });

    const result = await plait.agents.execute(lead, 'go', { limits: { outputTokens: 1_000 } });

    expect(result).toMatchObject({ stopReason: 'end_turn', usage: { output_tokens: 400 } });
    // 900 are left: a third for each and for the calling turn. The first gives 200 of its 300 back.
    expect(await limitsIn(plait, result)).toEqual([{ outputTokens: 300 }, { outputTokens: 400 }]);
  });

  test.concurrent('as much as their tool is given, and nothing if nothing is left', async () => {
    const scout = agentNamed('scout');
    const lead = agentNamed('lead', [ask(scout, { limits: { outputTokens: 5_000, rounds: 2 } })]);
    await using plait = await startPlait({
      agents: [lead],
      script: script(
        conversation('go', [asking('a', 'b')]),
        conversation(/^[ab]$/, [using(say('Seen.'), 10, 900)]),
      ),
    });

    const result = await plait.agents.execute(lead, 'go', { limits: { outputTokens: 1_000 } });

    expect(await limitsIn(plait, result)).toEqual([{ outputTokens: 900, rounds: 2 }]);
    expect(result.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'skipped']);
    expect(answers(result)[1]).toMatch(/leave nothing for agent scout/);
    expect(result).toMatchObject({
      stopReason: 'max_output_tokens',
      usage: { output_tokens: 1_000 },
    });
  });

  test.concurrent('in dollars only if all have prices', async () => {
    const scout = agentNamed('scout');
    const lead = agentNamed('lead', [ask(scout)], { prices });
    await using plait = await startPlait({ agents: [lead], script: conversation('go', []) });

    const turn = plait.agents.execute(lead, 'go', { limits: { costUSD: 1 } });

    await expect(turn).rejects.toThrow(
      /prices of every sub-agent too, and the agent of tool scout has none/,
    );
  });
});

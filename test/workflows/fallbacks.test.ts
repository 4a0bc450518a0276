import { defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import type { ModelCallResult } from '../../core/conversation/model-call.ts';
import type { TurnHandle, TurnStreamEvent } from '../../client/index.ts';
import type { Agent, Tool } from '../../index.ts';
import { fault } from '../../testing/faults.ts';
import type { FaultReply, MessageReply } from '../../testing/messages/reply.ts';
import type { MessagesServer } from '../../testing/messages-server.ts';
import type { ScriptRequest } from '../../testing/messages/request.ts';
import { rejection } from '../../testing/rejections.ts';
import { callTools, paced, reply, say, stopWith, think } from '../../testing/replies.ts';
import { startPlait } from '../fixtures/plait.ts';
import { newSessionId, rejectedRequests } from '../fixtures/sessions.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const OWN = 'claude-opus-5-5';
const NEXT = 'claude-sonnet-5-5';
const LAST = 'claude-opus-4-8';

const agentOf = (extras: object = {}, tools: Tool[] = []): Agent =>
  agentWith(tools, { fallbacks: [{ model: NEXT }, { model: LAST }], ...extras });

type Answer = MessageReply | FaultReply | ((request: ScriptRequest) => MessageReply | FaultReply);

/** Each model answers in its own way. */
function models(answers: Record<string, Answer>) {
  return (request: ScriptRequest) => answers[String(request.body.model)];
}

/** Calls the tool in two rounds and answers in the third, and says who it is. */
const works = ({ round, body }: ScriptRequest) =>
  round < 2
    ? reply(think(`${body.model} thinks, ${round}.`), callTools({ look: {} }))
    : reply(think('So.'), say(`${body.model} is done.`));

const asked = ({ requests }: MessagesServer) => requests.map(({ body }) => body?.model);
const declines = stopWith('refusal', say('I would rather'));

async function told(turn: TurnHandle): Promise<TurnStreamEvent[]> {
  const events: TurnStreamEvent[] = [];
  for await (const event of turn.stream()) events.push(event);
  return events;
}

/** What the turn's first model call returned. */
async function firstCall({ workflow }: TurnHandle): Promise<ModelCallResult> {
  const { events } = await workflow.fetchHistory();
  for (const { activityTaskCompletedEventAttributes: completed } of events ?? []) {
    const [payload] = completed?.result?.payloads ?? [];
    if (payload) return defaultPayloadConverter.fromPayload(payload);
  }
  throw new Error('no model call has ended');
}

describe('an overloaded model', () => {
  test.for<[string, FaultReply]>([
    ['that says so', fault.overloaded()],
    ['that breaks off in the middle', fault.midStreamError('overloaded_error')],
  ])(
    '%s is asked three times, and then its fallback, for the rest of the turn',
    async ([, busy]) => {
      const look = reader('look', () => 'seen');
      const agent = agentOf({}, [look]);
      await using plait = await startPlait({
        agents: [agent],
        script: models({
          [OWN]: busy,
          [NEXT]: ({ round }) => (round === 0 ? callTools({ look: {} }) : say('Done.')),
        }),
      });

      const turn = await plait.agents.start(agent, 'go');

      expect(await turn.result()).toMatchObject({
        stopReason: 'end_turn',
        text: 'Done.',
        rounds: 2,
        fallback: { model: NEXT, because: 'overloaded' },
      });
      expect(asked(plait.model)).toEqual([OWN, OWN, OWN, NEXT, NEXT]);
      const replies = (await told(turn)).flatMap((event) =>
        event.type === 'replyCommitted' ? event.reply.model : [],
      );
      expect(replies).toEqual([NEXT, NEXT]);
    },
  );

  test('that will not be asked again is left at once', async () => {
    const agent = agentOf();
    const busy = fault.overloaded({ headers: { 'x-should-retry': 'false' } });
    await using plait = await startPlait({
      agents: [agent],
      script: models({ [OWN]: busy, [NEXT]: busy, [LAST]: say('Here.') }),
    });
    expect(await plait.agents.execute(agent, 'go')).toMatchObject({
      text: 'Here.',
      fallback: { model: LAST, because: 'overloaded' },
    });
    expect(asked(plait.model)).toEqual([OWN, NEXT, LAST]);
  });

  test('does not use a fallback that is only for refusals', async () => {
    const agent = agentOf({ fallbacks: [{ model: NEXT, on: ['refusal'] }] });
    const busy = fault.overloaded({ headers: { 'x-should-retry': 'false' } });
    await using plait = await startPlait({ agents: [agent], script: models({ [OWN]: busy }) });
    await expect(plait.agents.execute(agent, 'go')).rejects.toThrow('529 overloaded_error');
    expect(asked(plait.model)).toEqual([OWN]);
  });

  test('is asked again by the next turn of a session, with the thinking of both', async () => {
    const look = reader('look', () => 'seen');
    const agent = agentOf({}, [look]);
    const busy = fault.overloaded({ headers: { 'x-should-retry': 'false' } });
    await using plait = await startPlait({
      agents: [agent],
      script: models({
        // Becomes busy in the middle of the second turn.
        [OWN]: (request) =>
          request.userText === 'two' && request.round === 1 ? busy : works(request),
        [NEXT]: works,
      }),
    });
    const session = plait.agents.openSession(agent, newSessionId());
    const say1 = async (text: string) => (await session.send(text)).result();

    expect(await say1('one')).not.toHaveProperty('fallback');
    expect(await say1('two')).toMatchObject({ text: `${NEXT} is done.`, rounds: 3 });
    expect(await say1('three')).toMatchObject({ text: `${OWN} is done.`, rounds: 3 });

    expect(rejectedRequests(plait.model)).toEqual([]);
    const turns = [`${OWN} ${OWN} ${OWN}`, `${OWN} ${OWN} ${NEXT} ${NEXT}`, `${OWN} ${OWN} ${OWN}`];
    expect(asked(plait.model).join(' ')).toBe(turns.join(' '));
    // Without the thinking of the other model the API would reject what came after it.
    const { body } = plait.model.requests.at(-1) ?? {};
    expect(rejection({ ...body })).toBeUndefined();
    const without = body?.messages.map((message) =>
      message.role === 'assistant' && Array.isArray(message.content)
        ? {
            ...message,
            content: message.content.filter(
              (block) => !(block.type === 'thinking' && block.thinking.startsWith(NEXT)),
            ),
          }
        : message,
    );
    expect(rejection({ ...body, messages: without })?.message).toMatch(
      'The block is bound to a different conversation',
    );
  });
});

describe('a refusal', () => {
  const prices = { input: 4, output: 20 };
  const cheap = { input: 1, output: 2 };

  test('goes on to the fallback with the same messages, and only its tokens are kept', async () => {
    const ran: string[] = [];
    const look = reader('look', () => ran.push('look'));
    const agent = agentOf({ prices, fallbacks: [{ model: NEXT, prices: cheap }] }, [look]);
    const refused = stopWith('refusal', reply(say('Let me'), callTools({ look: { id: 1 } })));
    await using plait = await startPlait({
      agents: [agent],
      script: models({ [OWN]: paced({ betweenEventsMs: 100 }, refused), [NEXT]: say('Here.') }),
    });

    const turn = await plait.agents.start(agent, 'go');
    const events = await told(turn);
    const result = await turn.result();

    expect(result).toMatchObject({
      stopReason: 'end_turn',
      text: 'Here.',
      // It does not count as a round: the model was asked for its first reply twice.
      rounds: 1,
      calls: [],
      fallback: { model: NEXT, because: 'refusal' },
      messages: [{ role: 'user', content: 'go' }, { role: 'assistant' }],
    });
    expect(ran).toEqual([]);
    const [first, second] = plait.model.requests.map(({ body }) => body);
    expect(second).toEqual({ ...first, model: NEXT });
    // What was read of it is void.
    const held = events.reduce(
      (text, event) =>
        event.type === 'textDelta'
          ? text + event.text
          : event.type === 'attemptRestarted'
            ? ''
            : text,
      '',
    );
    expect(held).toBe('Here.');
    expect(events.filter(({ type }) => type === 'replyCommitted')).toHaveLength(1);

    const call = await firstCall(turn);
    if (call.type !== 'refusal') throw new Error('the refusal is not in history');
    const own = call.refused.usage;
    const input = result.usage.input_tokens - own.input_tokens;
    const output = result.usage.output_tokens - own.output_tokens;
    expect(Math.min(own.input_tokens, own.output_tokens, input, output)).toBeGreaterThan(0);
    const perMillion =
      own.input_tokens * prices.input +
      own.output_tokens * prices.output +
      input * cheap.input +
      output * cheap.output;
    expect(result.costUSD).toBeCloseTo(perMillion / 1e6, 9);
  });

  test('is followed even if what the model had said does not fit into a payload', async () => {
    const agent = agentOf();
    await using plait = await startPlait({
      agents: [agent],
      script: models({
        [OWN]: stopWith('refusal', say('I would rather not. '.repeat(150_000))),
        [NEXT]: say('Here.'),
      }),
    });
    const turn = await plait.agents.start(agent, 'go');
    expect(await turn.result()).toMatchObject({ text: 'Here.', fallback: { model: NEXT } });
    expect(await firstCall(turn)).toMatchObject({ refused: { content: [] } });
  });

  test('that uses up the budget leaves its fallback the last word', async () => {
    const look = reader('look', () => 'seen');
    const agent = agentOf({ limits: { outputTokens: 500 }, onLimit: 'lastWord' }, [look]);
    const declinesAtLength = stopWith('refusal', say('I would rather not. '.repeat(500)));
    await using plait = await startPlait({
      agents: [agent],
      script: models({
        [OWN]: ({ round }) => (round === 0 ? callTools({ look: {} }) : declinesAtLength),
        [NEXT]: say('Seen.'),
      }),
    });
    expect(await plait.agents.execute(agent, 'go')).toMatchObject({
      stopReason: 'max_output_tokens',
      text: 'Seen.',
      rounds: 2,
      fallback: { model: NEXT, because: 'refusal' },
    });
    expect(asked(plait.model)).toEqual([OWN, OWN, NEXT]);
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test('of every model ends the turn, and none is asked twice', async () => {
    const agent = agentOf();
    await using plait = await startPlait({
      agents: [agent],
      script: models({ [OWN]: declines, [NEXT]: declines, [LAST]: declines }),
    });
    expect(await plait.agents.execute(agent, 'go')).toMatchObject({
      stopReason: 'refusal',
      text: '',
      rounds: 1,
      fallback: { model: LAST, because: 'refusal' },
      messages: [{ role: 'user', content: 'go' }],
    });
    expect(asked(plait.model)).toEqual([OWN, NEXT, LAST]);
  });

  test('ends the turn if no fallback is for refusals', async () => {
    const agent = agentOf({ fallbacks: [{ model: NEXT, on: ['overloaded'] }] });
    await using plait = await startPlait({
      agents: [agent],
      script: models({ [OWN]: declines }),
    });
    const result = await plait.agents.execute(agent, 'go');
    expect(result).toMatchObject({ stopReason: 'refusal' });
    expect(result).not.toHaveProperty('fallback');
  });

  test('leaves the session with the fallback, in the middle of a turn and for later turns', async () => {
    const look = reader('look', () => 'seen');
    const agent = agentOf({ limits: { rounds: 3 } }, [look]);
    await using plait = await startPlait({
      agents: [agent],
      script: models({
        [OWN]: (request) => (request.round === 1 ? declines : works(request)),
        [NEXT]: works,
      }),
    });
    const session = plait.agents.openSession(agent, newSessionId());
    const say1 = async (text: string) => (await session.send(text)).result();

    expect(await say1('one')).toMatchObject({ text: `${NEXT} is done.`, rounds: 3 });
    const fallback = { model: NEXT, because: 'refusal' };
    expect(await say1('two')).toMatchObject({ text: `${NEXT} is done.`, fallback });
    expect(rejectedRequests(plait.model)).toEqual([]);
    expect(asked(plait.model)).toEqual([OWN, OWN, NEXT, NEXT, NEXT, NEXT, NEXT]);
  });

  test('can be followed even if a turn has one round, and its first reply must call a tool', async () => {
    const look = reader('look', () => 'seen');
    const agent = agentOf(
      {
        model: 'claude-opus-5',
        toolChoice: { type: 'any' },
        limits: { rounds: 1 },
        onLimit: 'lastWord',
        fallbacks: [{ model: LAST }],
      },
      [look],
    );
    await using plait = await startPlait({
      agents: [agent],
      script: models({
        'claude-opus-5': declines,
        [LAST]: ({ round }) => (round === 0 ? callTools({ look: {} }) : say('Seen.')),
      }),
    });
    expect(await plait.agents.execute(agent, 'go')).toMatchObject({
      stopReason: 'max_rounds',
      text: 'Seen.',
    });
    const choices = plait.model.requests.map(({ body }) => [body?.model, body?.tool_choice?.type]);
    expect(choices).toEqual([
      ['claude-opus-5', 'any'],
      [LAST, 'any'],
      [LAST, 'none'],
    ]);
  });
});

test.for([
  ['as system messages where every model takes them', LAST, 'system'],
  ['as the user’s where one does not', 'claude-opus-4-6', undefined],
] as const)('a steering message comes %s', async ([, model, notes]) => {
  const agent = agentOf({ fallbacks: [{ model }] });
  await using plait = await startPlait({ agents: [agent], script: () => say('Yes.') });
  const turn = await plait.agents.start(agent, 'go');
  await turn.result();
  expect((await firstCall(turn)).pinned?.notes).toBe(notes);
});

import { describe, expect, test } from 'vitest';
import type { SessionHandle } from '../../client/index.ts';
import { SessionClosedError, TurnNotFoundError } from '../../client/index.ts';
import type { ToolContext } from '../../index.ts';
import {
  callTools,
  pauseTurn,
  refuse,
  reply,
  say,
  sayNothing,
  stopWith,
} from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';
import { conversation, script } from '../../testing/script.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import type { Reply } from '../../testing/messages/reply.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import { asked, echo, handedOn, newSessionId, rejectedRequests } from '../fixtures/sessions.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { imageBlock, png } from '../fixtures/images.ts';

/** A session whose turn "work" gets these replies; its tool and its second reply wait at a door. */
async function working(
  replies: (doors: { model: Door; tool: Door }) => readonly Reply[],
  { model: name = 'claude-opus-5-5', whenBusy }: { model?: string; whenBusy?: 'steer' } = {},
) {
  const doors = { model: new Door(), tool: new Door() };
  const wait = reader('wait', async (_input: unknown, { signal }: ToolContext) => {
    await doors.tool.pass(signal);
    return 'waited';
  });
  const agent = agentWith([wait], { model: name } as never);
  const plait = await startPlait({
    agents: [agent],
    script: script(conversation('work', replies(doors)), echo),
  });
  const id = newSessionId();
  const session = plait.agents.openSession(agent, id, whenBusy === undefined ? {} : { whenBusy });
  return { plait, session, turn: await session.send('work'), ...doors };
}

/** The reply, once the door is open. */
const behind =
  (door: Door, answer: Reply): Reply =>
  async () => {
    await door.pass();
    return answer;
  };

/** Sends a message to the running turn, and waits until the turn has it. */
async function steer(plait: TestEnvironment, session: SessionHandle, input: string) {
  const message = await session.send(input, { whenBusy: 'steer' });
  await handedOn(plait.agents, message);
  return message;
}

describe('a steering message reaches the model', () => {
  test.concurrent('after the results, if it comes before the first reply', async () => {
    const { plait, session, turn, model, tool } = await working((doors) => [
      behind(doors.model, callTools({ wait: {} })),
      say('Worked.'),
    ]);
    await using _ = plait;
    await model.reached();
    const message = await steer(plait, session, 'be quick');
    model.open();
    tool.open();

    expect(await message.result()).toMatchObject({ text: 'Worked.', joined: [message.turnId] });
    expect(asked(plait.model).at(-1)?.at(-1)).toMatch(/^system: .*be quick/);
    expect(await (await session.send('next')).result()).toMatchObject({ text: 'You said: next' });
    expect(await turn.result()).toEqual(await message.result());
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('as the user’s next message, if the model ends its turn meanwhile', async () => {
    const { plait, session, model } = await working((doors) => [
      behind(doors.model, say('Worked.')),
    ]);
    await using _ = plait;
    await model.reached();
    const messages = [
      await steer(plait, session, 'be quick'),
      await steer(plait, session, 'and neat'),
    ];
    model.open();

    const result = await messages[1]?.result();
    expect(result).toMatchObject({
      text: 'You said: and neat',
      joined: messages.map(({ turnId }) => turnId),
      rounds: 2,
    });
    expect(asked(plait.model).at(-1)?.slice(-2)).toEqual(['user: "be quick"', 'user: "and neat"']);
    expect((await session.describe()).turns).toBe(1);
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('as a turn of its own, if the turn has ended', async () => {
    const { plait, session, turn } = await working(() => [say('Worked.')]);
    await using _ = plait;
    await turn.result();
    // The session may still have to hear of it.
    while ((await session.describe()).status === 'busy');
    const late = await session.send('be quick', { whenBusy: 'steer' });
    expect(late.joins).toBeUndefined();
    expect(await late.result()).toMatchObject({ text: 'You said: be quick' });
  });

  test.concurrent('after the model has ended its turn, if it holds more than text', async () => {
    const { plait, session, tool } = await working(() => [callTools({ wait: {} }), say('Worked.')]);
    await using _ = plait;
    await tool.reached();
    const blocks = await session.send([{ type: 'text', text: 'like this' }, imageBlock(png())], {
      whenBusy: 'steer',
    });
    const text = await steer(plait, session, 'or this');
    tool.open();

    expect(await text.result()).toMatchObject({ joined: [blocks.turnId, text.turnId], rounds: 3 });
    const requests = asked(plait.model);
    expect(requests[1]?.at(-1)).toMatch(/^user: .*tool_result/);
    expect(requests[2]?.at(-2)).toMatch(/^user: .*like this.*image/);
    expect(requests[2]?.at(-1)).toBe('user: "or this"');
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('after the model has ended its turn, if it accepts no system messages', async () => {
    const { plait, session, tool } = await working(
      () => [callTools({ wait: {} }), say('Worked.')],
      { model: 'claude-haiku-4-5', whenBusy: 'steer' },
    );
    await using _ = plait;
    await tool.reached();
    const message = await session.send('be quick');
    await handedOn(plait.agents, message);
    tool.open();

    expect(await message.result()).toMatchObject({ text: 'You said: be quick', rounds: 3 });
    expect(asked(plait.model)[1]?.at(-1)).toMatch(/^user: .*tool_result/);
    expect(asked(plait.model)[2]?.at(-1)).toBe('user: "be quick"');
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('but not while a tool of the API is open', async () => {
    const { plait, session, model } = await working((doors) => [
      behind(doors.model, pauseTurn('weather')),
      stopWith(
        'end_turn',
        reply(
          {
            content: [
              {
                type: 'web_search_tool_result',
                tool_use_id: 'srvtoolu_weather',
                content: [],
                caller: { type: 'direct' },
              },
            ],
          },
          say('Sunny.'),
        ),
      ),
    ]);
    await using _ = plait;
    await model.reached();
    const message = await steer(plait, session, 'in Rome');
    model.open();

    expect(await message.result()).toMatchObject({ text: 'You said: in Rome', rounds: 3 });
    const requests = asked(plait.model);
    expect(requests[1]?.at(-1)).toMatch(/^assistant: .*server_tool_use/);
    expect(requests[2]?.at(-1)).toBe('user: "in Rome"');
    expect(rejectedRequests(plait.model)).toEqual([]);
  });
});

describe('a steering message after results', () => {
  test.concurrent('becomes a turn of its own if the turn is cancelled before the model has read it', async () => {
    const { plait, session, turn, model, tool } = await working((doors) => [
      callTools({ wait: {} }),
      behind(doors.model, say('Too late.')),
    ]);
    await using _ = plait;
    await tool.reached();
    const message = await steer(plait, session, 'be quick');
    tool.open();
    await model.reached();
    expect(asked(plait.model).at(-1)?.at(-1)).toMatch(/^system: .*be quick/);
    await turn.cancel();

    expect(await turn.result()).toMatchObject({ stopReason: 'cancelled', rounds: 1 });
    expect(await turn.result()).not.toHaveProperty('joined');
    expect(await message.result()).toMatchObject({ text: 'You said: be quick' });
    expect(await (await session.send('next')).result()).toMatchObject({ text: 'You said: next' });
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  const unsaid: Record<string, Reply> = {
    'refuses to answer it': refuse({}, say('I must')),
    'has nothing to say to it': sayNothing(),
  };
  test.concurrent.for(Object.entries(unsaid))(
    'leaves a valid conversation if the model %s',
    async ([, answer]) => {
      const { plait, session, tool } = await working(() => [callTools({ wait: {} }), answer]);
      await using _ = plait;
      await tool.reached();
      const message = await steer(plait, session, 'be quick');
      tool.open();

      expect(await message.result()).toMatchObject({ joined: [message.turnId], rounds: 2 });
      expect(await (await session.send('next')).result()).toMatchObject({ text: 'You said: next' });
      expect(asked(plait.model).at(-1)?.slice(-2)).toEqual([
        expect.stringMatching(/^user: .*be quick/),
        'user: "next"',
      ]);
      expect(rejectedRequests(plait.model)).toEqual([]);
    },
  );
});

describe('an interrupt', () => {
  test.concurrent('right after the message that it interrupts leaves a valid conversation', async () => {
    const slow: Script = conversation(/^slow/, [callTools({ wait: {} }), say('Worked.')]);
    const wait = reader('wait', async (_input: unknown, { signal }: ToolContext) => {
      await new Door().pass(signal);
    });
    const agent = agentWith([wait]);
    await using plait = await startPlait({ agents: [agent], script: script(slow, echo) });
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const session = plait.agents.openSession(agent, newSessionId());
        await (await session.send('Hello')).result();
        const [first, second] = await Promise.all([
          session.send(`slow ${i}`),
          session.send('stop', { whenBusy: 'interrupt' }),
        ]);
        expect(await second.result()).toMatchObject({ text: 'You said: stop' });
        // It may have come first, and then the other one still runs, or begins to.
        while ((await session.describe()).status === 'busy') {
          const next = await session.send('next', { whenBusy: 'interrupt' });
          expect(await next.result()).toMatchObject({ text: 'You said: next' });
        }
        expect(await first.result()).toMatchObject({ stopReason: 'cancelled' });
      }),
    );
    expect(rejectedRequests(plait.model)).toEqual([]);
  });

  test.concurrent('and another one, and a steering message, are read in order', async () => {
    const { plait, session, turn, tool } = await working(() => [callTools({ wait: {} })]);
    await using _ = plait;
    await tool.reached();
    const turns = [
      await session.send('waits'),
      await session.send('stop', { whenBusy: 'interrupt' }),
      await session.send('stop!', { whenBusy: 'interrupt' }),
    ];
    const last = await session.send('and be quick', { whenBusy: 'steer' });

    expect(await turn.result()).toMatchObject({ stopReason: 'cancelled' });
    for (const one of turns) expect(await one.result()).toMatchObject({ stopReason: 'end_turn' });
    expect((await last.result()).text).toMatch(/You said: and be quick/);
    const users = (await session.transcript()).messages.flatMap(({ role, content }) =>
      role === 'user' && typeof content === 'string' ? content : [],
    );
    expect(users.filter((text) => text !== 'and be quick')).toEqual([
      'work',
      'stop',
      'stop!',
      'waits',
    ]);
    expect(rejectedRequests(plait.model)).toEqual([]);
  });
});

describe('a session that is closed', () => {
  test.concurrent('lets waiting turns come to their end', async () => {
    const { plait, session, turn, tool } = await working(() => [
      callTools({ wait: {} }),
      say('Worked.'),
    ]);
    await using _ = plait;
    await tool.reached();
    const waiting = [await session.send('a'), await session.send('b')];
    await session.close();
    await expect(session.send('c')).rejects.toThrow(SessionClosedError);
    tool.open();

    expect(await turn.result()).toMatchObject({ text: 'Worked.' });
    const texts = await Promise.all(waiting.map(async (one) => (await one.result()).text));
    expect(texts).toEqual(['You said: a', 'You said: b']);
    expect(await session.workflow.result()).toMatchObject({ status: 'closed', turns: 3 });
  });

  test.concurrent('at once forgets them, and what its turn has not read', async () => {
    const { plait, session, turn, tool } = await working(() => [callTools({ wait: {} })]);
    await using _ = plait;
    await tool.reached();
    const waiting = await session.send('a');
    const message = await steer(plait, session, 'be quick');
    // It has not begun.
    expect(await waiting.approvals()).toEqual([]);
    await session.close({ interrupt: true });

    expect(await turn.result()).toMatchObject({ stopReason: 'cancelled' });
    expect(await session.workflow.result()).toMatchObject({ status: 'closed', turns: 1 });
    await expect(waiting.result()).rejects.toThrow(TurnNotFoundError);
    await expect(waiting.approvals()).rejects.toThrow(TurnNotFoundError);
    await expect(message.result()).rejects.toThrow(TurnNotFoundError);
  });

  test.concurrent.for(['cancelled', 'terminated'] as const)(
    'by being %s ends its turn validly',
    async (how) => {
      const { plait, session, turn, tool } = await working(() => [callTools({ wait: {} })]);
      await using _ = plait;
      await tool.reached();
      const waiting = await session.send('a');
      if (how === 'cancelled') await session.workflow.cancel();
      else await session.workflow.terminate('by an operator');

      expect(await turn.result()).toMatchObject({
        stopReason: 'cancelled',
        calls: [{ name: 'wait', outcome: 'cancelled' }],
      });
      await expect(waiting.result()).rejects.toThrow(TurnNotFoundError);
      await expect(session.send('b')).rejects.toThrow(SessionClosedError);
      if (how === 'cancelled') {
        expect(await session.describe()).toMatchObject({ status: 'closed', turns: 1, messages: 3 });
      }
    },
  );
});

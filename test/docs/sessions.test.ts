import { randomUUID } from 'node:crypto';
import { compact, conversation, reply, say, script as scripts } from 'plait/testing';
import { describe, expect, test } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { startPlait } from '../fixtures/plait.ts';
import { moveToNewVersion } from './fork.ts';
import { researcher } from './compacting.ts';
import { support } from './support.ts';
import { onInterrupt, onMessage, remind } from './support-desk.ts';

describe('docs/sessions.md', () => {
  testGuide('docs/sessions.md', 3);

  test('its programs do what it says', async () => {
    const script = conversation(/./, [({ userText }) => say(`You said: ${userText}`)]);
    await using plait = await startPlait({ agents: [support], script });
    const { agents, model } = plait;
    const ticket = `ticket-${randomUUID()}`;

    expect(await onMessage(agents, ticket, 'Hello', 'mail-1')).toBe('You said: Hello');
    expect(await onMessage(agents, ticket, 'Hello', 'mail-1')).toBe('You said: Hello');
    expect(model.requests).toHaveLength(1);
    expect(await onInterrupt(agents, ticket, 'Wait')).toBe('You said: Wait');
    expect(await remind(agents, ticket)).toBe(true);

    const moved = await moveToNewVersion(agents, ticket);
    expect(moved.sessionId).toBe(`${ticket}-v2`);
    expect((await moved.transcript()).total).toBe(6);
    const turn = await agents.openSession(support, moved.sessionId).send('Still there?');
    expect((await turn.result()).text).toBe('You said: Still there?');
    expect(model.requests.at(-1)?.body?.messages).toHaveLength(7);
  });

  test('its researcher goes on from the summary, and what it has replaced can be read', async () => {
    const script = scripts(
      conversation('Find it', [reply(compact('It was sought.'), say('I found it.'))]),
      conversation('Where?', [say('There.')]),
    );
    await using plait = await startPlait({ agents: [researcher], script });
    const session = plait.agents.openSession(researcher, `search-${randomUUID()}`);

    await (await session.send('Find it')).result();
    expect((await (await session.send('Where?')).result()).text).toBe('There.');
    expect((await session.transcript()).messages[0]?.content).toBe('Find it');
    expect(plait.model.requests.at(-1)?.body?.messages).toHaveLength(2);
  });
});

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compact, conversation, reply, say, script as scripts } from 'plait/testing';
import { describe, expect, test } from 'vitest';
import { startPlait } from '../fixtures/plait.ts';
import { moveToNewVersion } from './fork.ts';
import { researcher } from './compacting.ts';
import { support } from './support.ts';
import { onInterrupt, onMessage, remind } from './support-desk.ts';

const guide = readFileSync(new URL('../../docs/sessions.md', import.meta.url), 'utf8');

describe('docs/sessions.md', () => {
  const programs = [...guide.matchAll(/<!-- file: (\S+) -->\n\n```ts\n([\s\S]*?)```/g)];

  test.each(programs.map(([, file = '', code]) => [file, code]))(
    'shows %s as it is',
    (file, code) => {
      expect(code).toBe(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
    },
  );

  test('shows no program that is not a file which the tests run or compile', () => {
    expect(programs.length).toBeGreaterThanOrEqual(2);
    expect(guide.match(/^```ts$/gm)).toHaveLength(programs.length);
  });

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
    const turn = await agents.session(support, moved.sessionId).send('Still there?');
    expect((await turn.result()).text).toBe('You said: Still there?');
    expect(model.requests.at(-1)?.body?.messages).toHaveLength(7);
  });

  test('its researcher goes on from the summary, and what it has replaced can be read', async () => {
    const script = scripts(
      conversation('Find it', [reply(compact('It was sought.'), say('I found it.'))]),
      conversation('Where?', [say('There.')]),
    );
    await using plait = await startPlait({ agents: [researcher], script });
    const session = plait.agents.session(researcher, `search-${randomUUID()}`);

    await (await session.send('Find it')).result();
    expect((await (await session.send('Where?')).result()).text).toBe('There.');
    expect((await session.transcript()).messages[0]?.content).toBe('Find it');
    expect(plait.model.requests.at(-1)?.body?.messages).toHaveLength(2);
  });
});

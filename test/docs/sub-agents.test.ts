import { randomUUID } from 'node:crypto';
import type { Script } from 'plait/testing';
import { callTools, conversation, forAgent, say, script } from 'plait/testing';
import { describe, expect, test } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentNamed, ask } from '../fixtures/sub-agents.ts';
import { writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';
import { editor } from './background-team.ts';
import { accountManager, salesDesk } from './customer-memory.ts';
import { allowInside } from './decide-inside.ts';
import researchScript from './research-script.ts';
import { lead, researcher } from './research-team.ts';

/** The model of the sales desk tells the account manager what it is told. */
function tells(text: string): Script {
  const input = { customer: 'ada', message: text };
  return conversation(text, [callTools({ 'account-manager': input }), say('Done.')]);
}

describe('docs/sub-agents.md', () => {
  testGuide('docs/sub-agents.md', 5);

  test('its team answers, and its script says what each is to say', async () => {
    await using plait = await startPlait({ agents: [lead], script: researchScript });

    const result = await plait.agents.execute(lead, 'Tell me of the moor.');

    expect(result.text).toBe('Few, and little.');
    expect(result.calls.map(({ outcome, subAgent }) => [outcome, subAgent?.agent])).toEqual([
      ['succeeded', 'researcher'],
      ['succeeded', 'researcher'],
    ]);
  });

  test('its editor goes on while the research is done', async () => {
    await using plait = await startPlait({
      agents: [editor],
      script: script(
        forAgent(
          editor,
          conversation('Edit.', [
            callTools({ researcher: { prompt: 'Who lives there?' } }),
            say('I wait.'),
            ({ body }) => say(JSON.stringify(body.messages.at(-1))),
          ]),
        ),
        forAgent(researcher, () => say('{"answer":"Few."}')),
      ),
    });

    const result = await plait.agents.execute(editor, 'Edit.');

    expect(result.text).toMatch(/Result of an earlier call.*researcher.*Few\./);
  });

  test('its account manager remembers a customer from one turn to the next', async () => {
    await using plait = await startPlait({
      agents: [salesDesk],
      script: script(
        forAgent(salesDesk, script(tells('She likes blue.'), tells('What does she like?'))),
        forAgent(accountManager, ({ body }) => say(`${body.messages.length} messages`)),
      ),
    });
    // Ids of sessions are those of workflows, and the server is shared.
    const context = { tenant: randomUUID() };

    for (const text of ['She likes blue.', 'What does she like?']) {
      await plait.agents.execute(salesDesk, text, { context });
    }

    const memory = await plait.agents.getSession(`${context.tenant}/ada`).transcript();
    expect(JSON.stringify(memory.messages)).toMatch(/1 messages.*What does she like.*3 messages/);
  });

  test('it allows what a sub-agent asks for', async () => {
    const cashier = agentNamed('cashier', [writer('pay', () => 'paid', { approval: 'always' })]);
    const desk = agentNamed('desk', [ask(cashier)]);
    await using plait = await startPlait({
      agents: [desk],
      script: script(
        forAgent(
          desk,
          conversation('go', [callTools({ cashier: { prompt: 'go' } }), say('Done.')]),
        ),
        forAgent(cashier, conversation('go', [callTools({ pay: {} }), say('Paid.')])),
      ),
    });
    const turn = await plait.agents.start(desk, 'go');

    const asked = await until(
      () => allowInside(turn, 'ana'),
      (calls) => calls.length > 0,
    );

    expect(asked).toEqual(['desk › cashier: pay']);
    expect(await turn.result()).toMatchObject({ text: 'Done.' });
  });
});

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callTools, say } from 'plait/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { testGuides } from '../fixtures/guide.ts';
import { startPlait } from '../fixtures/plait.ts';
import { quickQuestion } from './quick-question.ts';
import { researcher } from './thrifty.ts';
import { dueDate, isUrgent, triage } from './triage.ts';

testGuides({ 'docs/limits.md': 2, 'docs/structured-output.md': 1 });

describe('the programs', () => {
  vi.stubEnv('NOTES', mkdtempSync(join(tmpdir(), 'plait-notes-')));
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  test('of the limits do what the page says', async () => {
    const one = [['read_note', { file: 'ada.md' }]] as const;
    await using plait = await startPlait({
      agents: [researcher],
      script: ({ round, body }) =>
        body.tool_choice?.type === 'none'
          ? say('I found nobody.')
          : callTools(round === 0 ? one : [...one, ...one]),
    });

    expect(await quickQuestion(plait.agents, 'Who is Ada?')).toMatch(
      /^I found nobody\. \(The limit of 2 tool calls is reached: the last reply asked for 2 with 1 left\. \$0\.\d+\)$/,
    );
  });

  test('of the structured output do what the page says', async () => {
    const answer = { topic: 'billing', urgency: 2, contacts: ['Ada', 'Ada'], due: '2026-12-01' };
    const mended = { ...answer, contacts: ['Ada'] };
    await using plait = await startPlait({
      agents: [triage],
      script: ({ userText, body }) => {
        const { schema } = body.output_config?.format ?? {};
        if (JSON.stringify(schema).includes('urgent')) return say('{"urgent":false}');
        return say(JSON.stringify(userText.includes('once') ? mended : answer));
      },
    });

    expect(await dueDate(plait.agents, 'Our invoice is wrong.')).toEqual(new Date('2026-12-01'));
    expect(plait.model.requests).toHaveLength(2);
    expect(await isUrgent(plait.agents, 'Our invoice is wrong.')).toBe(false);
  });
});

import { conversation, pauseTurn, refuse, reply, say, stopWith } from 'plait/testing';
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { startPlait } from '../fixtures/plait.ts';
import { explainEnding } from './explain-ending.ts';
import { researcher } from './researcher.ts';
import { createSteadyWorker, steady } from './steady.ts';

describe('docs/model.md', () => {
  testGuide('docs/model.md', 3);

  test('its programs do what it says', async () => {
    const found = {
      type: 'web_search_tool_result' as const,
      tool_use_id: 'srvtoolu_rain',
      content: [],
      caller: { type: 'direct' as const },
    };
    await using plait = await startPlait({
      agents: [researcher],
      script: (request) =>
        request.userText === 'no'
          ? refuse()
          : request.userText === 'long'
            ? stopWith('max_tokens', say('It is'))
            : conversation('rain', [
                pauseTurn('rain'),
                reply({ content: [found] }, say('It rains.')),
              ])(request),
    });
    const ask = async (text: string) => explainEnding(await plait.agents.execute(researcher, text));

    expect(await ask('rain')).toBe('It rains.');
    expect(plait.model.requests[1]?.body).toMatchObject({
      max_tokens: 16_000,
      output_config: { effort: 'high' },
      cache_control: { type: 'ephemeral', ttl: '1h' },
      tools: [{ type: 'web_search_20260318', name: 'web_search', max_uses: 5 }],
    });
    expect(await ask('no')).toBe('Claude has declined to answer.');
    expect(await ask('long')).toBe('It is … (the answer was cut off)');
    expect(plait.model.requests.at(-1)?.body?.max_tokens).toBe(64_000);
  });

  test('an agent with fallbacks asks them on its queue', async () => {
    vi.stubEnv('TEMPORAL_ADDRESS', inject('temporalAddress'));
    onTestFinished(() => void vi.unstubAllEnvs());
    const worker = await createSteadyWorker();
    await worker.runUntil(Promise.resolve());

    await using plait = await startPlait({
      agents: [steady],
      script: ({ body }) => (body.model === 'claude-opus-4-8' ? say('Gladly.') : refuse()),
    });
    expect(await plait.agents.execute(steady, 'Hello')).toMatchObject({
      text: 'Gladly.',
      fallback: { model: 'claude-opus-4-8', because: 'refusal' },
    });
    expect(plait.model.requests).toHaveLength(2);
  });
});

import { expect, test } from 'vitest';
import { asksModel, hasCredential } from '../../worker/credential.ts';
import { agentWith } from '../fixtures/tools.ts';

test.each([
  [{}, {}, false],
  [{ baseURL: 'http://127.0.0.1' }, {}, false],
  [{ apiKey: null }, {}, false],
  [{ apiKey: 'k' }, {}, true],
  [{ defaultHeaders: { Authorization: 'Bearer k' } }, {}, true],
  [{ messages: {} }, {}, true],
  [undefined, { ANTHROPIC_API_KEY: '' }, false],
  [undefined, { ANTHROPIC_API_KEY: 'k' }, true],
  [undefined, { ANTHROPIC_PROFILE: 'work' }, true],
])('with %j and the variables %j there is a credential: %j', (anthropic, env, there) => {
  expect(hasCredential(anthropic as never, env)).toBe(there);
});

test('a worker that serves only tools never asks the model', () => {
  const agents = [{ ...agentWith([]), modelTaskQueue: 'models' }];
  expect(asksModel(agents, 'turns', ['turns'])).toBe(false);
  expect(asksModel(agents, 'turns', ['models'])).toBe(true);
  expect(asksModel([agentWith([])], 'turns', ['turns'])).toBe(true);
  expect(asksModel([agentWith([])], 'turns', ['tools'])).toBe(false);
});

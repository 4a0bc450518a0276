import { expect, test } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { clerk } from './clerk.ts';

testGuide('docs/mcp.md', 2);

test('the clerk has the tools of two servers', () => {
  expect(clerk.servers?.map(({ name }) => name)).toEqual(['files', 'tickets']);
});

import { readFileSync } from 'node:fs';
import { expect, inject, test } from 'vitest';

test('the workflow bundle contains workflows, and nothing that belongs to activities', () => {
  const code = readFileSync(inject('workflowBundle'), 'utf8');
  // The source map at its end quotes sources; only the code runs.
  const running = code.slice(0, code.indexOf('//# sourceMappingURL'));

  expect(running).toContain('agentTurn');
  expect(running.length).toBeLessThan(1_500_000);
  for (const foreign of [
    '@anthropic-ai/sdk',
    'node_modules/zod',
    'node_modules/ajv',
    'lru-cache',
    './activities/',
    './agents/',
  ]) {
    expect(running).not.toContain(foreign);
  }
  expect(running).not.toMatch(
    /require\(["'](?:node:)?(?:fs|net|http|https|crypto|child_process|os|path)["']\)/,
  );
});

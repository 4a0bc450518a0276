import { expect, test } from 'vitest';
import { DeclarationError } from '../../index.ts';
import { requireWorkflows, workflowsBeside } from '../../worker/bundler-options.ts';

test('a worker that is bundled into one file says what workflowBundle is for', () => {
  for (const url of ['file:///app/dist/worker.mjs', undefined]) {
    const require = () => requireWorkflows(workflowsBeside(url));
    expect(require).toThrow(DeclarationError);
    expect(require).toThrow(/bundled into one file.*bundleWorkflowCode.*`workflowBundle: /);
  }
  expect(() => requireWorkflows()).not.toThrow();
});

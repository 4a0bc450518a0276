import { runEval } from 'plait/testing';
import { expect, test } from 'vitest';
import { refunds } from './refunds.eval.ts';

test('support handles refunds well', async () => {
  const report = await runEval(refunds, { runs: 1 });
  expect(report.failures).toEqual([]);
});

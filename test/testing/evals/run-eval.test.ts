import { expect, inject, test } from 'vitest';
import { defineAgent, defineTool, examplePrices } from '../../../index.ts';
import { defineEval } from '../../../testing/evals/define-eval.ts';
import { defineJudge } from '../../../testing/evals/judge.ts';
import type { EvalRun } from '../../../testing/evals/report.ts';
import { runEval } from '../../../testing/evals/run-eval.ts';
import { startMessagesServer } from '../../../testing/messages-server.ts';
import { callTools, say } from '../../../testing/replies.ts';
import { conversation, forAgent, script } from '../../../testing/script.ts';
import { inThisThread } from '../../fixtures/sandbox.ts';
import { anything, reader } from '../../fixtures/tools.ts';

const model = 'claude-opus-5-5';
const prices = examplePrices[model];
const temporal = { address: inject('temporalAddress') };

const refunded: unknown[] = [];
const refund = defineTool({
  name: 'refund',
  description: 'Pays an order back.',
  inputSchema: anything,
  approval: 'always',
  run: (input) => {
    refunded.push(input);
    return 'refunded';
  },
});
const shop = defineAgent({
  name: 'shop',
  model,
  prices,
  tools: [reader('look', () => 'one A-17'), refund],
});
const judge = defineJudge({ model, prices });

const verdict = (reason: string, pass: boolean) => [say(JSON.stringify({ reason, pass }))];
const answers = script(
  conversation(/^Look/, [callTools({ look: {} }), say('There is A-17.')]),
  conversation('Refund A-17', [callTools({ refund: { order: 'A-17' } }), say('I tried.')]),
  forAgent(
    judge,
    script(
      conversation(/Names the order/, verdict('It names A-17.', true)),
      conversation(/Is in French/, verdict('It is in English.', false)),
    ),
  ),
);

const problemOf = (run: EvalRun | undefined) => (run?.type === 'error' ? run.problem : '');

test('every case is run, and a failing case ends neither the others nor the eval', async () => {
  refunded.length = 0;
  const progress: number[][] = [];
  const evaluation = defineEval({
    agent: shop,
    judge,
    script: answers,
    worker: inThisThread,
    runs: 2,
    cases: [
      {
        name: 'looks, and names the order',
        input: 'Look',
        expect: (turn) => turn.trajectory('strict', ['look']).says('A-17').answeredEveryCall(),
        rubric: 'Names the order.',
      },
      {
        name: 'does not look',
        input: 'Look',
        expect: (turn) => turn.neverCalled('look'),
        rubric: 'Names the order.',
      },
      { name: 'speaks French', input: 'Look', rubric: 'Is in French.' },
      { name: 'is judged by a silent judge', input: 'Look', rubric: 'Is short.' },
      { name: 'knows everything', input: 'What else?', expect: () => undefined },
      {
        name: 'gets no refund where nobody approves it',
        input: 'Refund A-17',
        expect: (turn) => turn.outcome('refund', 'denied', 'Nobody was there'),
      },
      {
        name: 'decides in other words',
        input: 'Refund A-17',
        decide: () => 'yes' as 'approve',
        expect: () => undefined,
      },
      {
        name: 'refunds what is approved',
        input: 'Refund A-17',
        decide: async ({ tool }) => (tool === 'refund' ? 'approve' : 'deny'),
        expect: async (turn, { rounds }) => {
          turn.outcome('refund', 'succeeded');
          await expect(Promise.resolve(rounds)).resolves.toBe(2);
        },
      },
    ],
  });

  const report = await runEval(evaluation, {
    temporal,
    onProgress: (done, all) => progress.push([done, all]),
  });

  expect(report).toMatchObject({ name: 'shop', model: 'script', passed: false, passedCases: 3 });
  const types = report.cases.map(({ runs }) => runs.map(({ type }) => type));
  expect(types).toEqual([
    ['passed', 'passed'],
    ['failed', 'failed'],
    ['failed', 'failed'],
    ['error', 'error'],
    ['error', 'error'],
    ['passed', 'passed'],
    ['error', 'error'],
    ['passed', 'passed'],
  ]);
  expect(refunded).toEqual([{ order: 'A-17' }, { order: 'A-17' }]);
  expect(progress.map(([done]) => done)).toEqual(Array.from({ length: 17 }, (_, i) => i));
  expect(progress.every(([, all]) => all === 16)).toBe(true);

  const [good, , french, silent, unknown] = report.cases;
  expect(report.failures).toHaveLength(5);
  expect(report.failures[4]).toContain('decide must return "approve" or "deny"; got "yes"');
  expect(report.failures[0]).toMatch(
    /^does not look: 0 of 2 runs passed, and 2 must\n {2}runs 1, 2: expected no call of look, but there was one\.\n\n {2}The turn of shop/,
  );
  expect(french?.runs[0]).toMatchObject({
    problem: 'the judge did not let it pass: It is in English.',
    verdict: { reason: 'It is in English.', pass: false },
  });
  expect(problemOf(silent?.runs[0])).toMatch(/^the judge failed: /);
  expect(problemOf(unknown?.runs[0])).toContain('No conversation of the script matches');
  expect(good?.runs[0]).toMatchObject({
    verdict: { pass: true },
    trajectory: [['look']],
    text: 'There is A-17.',
  });
  // The judge is asked only where `expect` holds, and its tokens count.
  const outputOf = (i: number) => report.cases[i]?.usage.output_tokens ?? 0;
  expect(outputOf(0)).toBeGreaterThan(outputOf(1));
  expect(report.costUSD).toBeGreaterThan(0);
});

test("without a script the worker's model is asked, until the money is spent", async () => {
  await using server = await startMessagesServer({ script: answers });
  const evaluation = defineEval({
    agent: shop,
    worker: { ...inThisThread, anthropic: { baseURL: server.url, apiKey: 'k' } },
    runs: 3,
    concurrency: 1,
    passRate: 0.1,
    maxCostUSD: 0.000_001,
    cases: [{ name: 'looks', input: 'Look', expect: (turn) => turn.called('look') }],
  });

  const report = await runEval(evaluation, { temporal });

  expect(report).toMatchObject({ model: 'claude', passed: false });
  expect(report.cases[0]?.runs.map(({ type }) => type)).toEqual(['passed', 'skipped', 'skipped']);
  expect(report.failures).toEqual([
    'looks: 1 of 3 runs passed, and 1 must\n  runs 2, 3: not started: the $0.000001 of maxCostUSD are spent',
  ]);
  expect(server.requests).not.toEqual([]);
});

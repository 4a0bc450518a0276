import { describe, expect, test } from 'vitest';
import { defineAgent } from '../../../agents/define-agent.ts';
import { casesNamed, defineEval, isEval } from '../../../testing/evals/define-eval.ts';
import type { EvalOptions } from '../../../testing/evals/define-eval.ts';
import { defineJudge } from '../../../testing/evals/judge.ts';
import { credentialProblem } from '../../../testing/evals/run-eval.ts';

const model = 'claude-opus-5-5';
const agent = defineAgent({ name: 'support', model });
const judge = defineJudge({ model });
const expectNothing = () => undefined;
const script = () => undefined;
const one = { name: 'answers', input: 'Hello', expect: expectNothing };

test('an eval has defaults for everything except its agent and its cases', () => {
  const evaluation = defineEval({ agent, cases: [one] });
  expect(evaluation).toEqual({
    name: 'support',
    agent,
    cases: [one],
    runs: 1,
    passRate: 1,
    concurrency: 4,
    timeout: 600_000,
    decide: 'deny',
    worker: {},
  });
  expect(isEval(evaluation)).toBe(true);
  expect(isEval(agent)).toBe(false);
});

test('durations become milliseconds', () => {
  expect(defineEval({ agent, cases: [one], timeout: '90s' }).timeout).toBe(90_000);
});

test('cases are found by a part of their name, in any case', () => {
  const evaluation = defineEval({ agent, cases: [one, { ...one, name: 'Asks back' }] });
  const found = (text?: string) => casesNamed(evaluation, text).map(({ name }) => name);
  expect(found()).toEqual(['answers', 'Asks back']);
  expect(found('aNSw')).toEqual(['answers']);
  expect(found('refund')).toEqual([]);
});

describe('an eval is rejected', () => {
  test.each<
    [why: string, options: Partial<EvalOptions> & Record<string, unknown>, problem: string]
  >([
    ['without cases', { cases: [] }, 'cases must not be empty; got []'],
    [
      'whose agent is not one',
      { agent: {} as never },
      'agent must be what defineAgent() returns; got an object',
    ],
    [
      'with a case that checks nothing',
      { cases: [{ name: 'answers', input: 'Hello' }] },
      'the case "answers" checks nothing: give it `expect`, or a `rubric` for the judge',
    ],
    [
      'with a rubric and without a judge',
      { cases: [{ name: 'answers', input: 'Hello', rubric: 'Is kind.' }] },
      'the case "answers" has a rubric, and there is no judge: add `judge: defineJudge({ model })`',
    ],
    [
      'with two cases of one name',
      { cases: [one, one] },
      'cases has the name "answers" more than once',
    ],
    [
      'whose judge has the name of the agent',
      { judge: defineJudge({ model, name: 'support' }) },
      'judge and agent are both named "support": give the judge another name',
    ],
    [
      'with a limit in dollars and an agent without prices',
      { maxCostUSD: 1 },
      'maxCostUSD needs the `prices` of the agent support',
    ],
    ['with no runs', { runs: 0 }, 'runs must be a whole number of at least 1; got 0'],
    [
      'with a pass rate in per cent',
      { passRate: 80 },
      'passRate must be a number above 0 and up to 1; got 80',
    ],
    [
      'with a case that takes a misspelt option',
      { cases: [{ ...one, expected: 'Hello' } as never] },
      'unknown option cases[0].expected; known options: name, input, context, limits, expect, rubric, passRate, decide',
    ],
    [
      'with a decision that there is not',
      { decide: 'ask' as never },
      'decide must be "approve", "deny" or a function that returns one of them; got "ask"',
    ],
    [
      'whose expectation is not a function',
      { cases: [{ ...one, expect: 'end_turn' as never }] },
      'cases[0].expect must be a function; got "end_turn"',
    ],
  ])('%s', (_why, options, problem) => {
    expect(() => defineEval({ name: 'e', agent, cases: [one], ...options })).toThrow(
      `defineEval("e"): ${problem}`,
    );
  });
});

describe('Claude is asked only with a credential', () => {
  const asking = defineEval({ agent, cases: [one] });
  const scripted = defineEval({ agent, cases: [one], script });
  const keyed = defineEval({ agent, judge, cases: [one], worker: { anthropic: { apiKey: 'k' } } });

  test.each([
    ['a script', scripted, false, undefined],
    ['a key of its own', keyed, true, undefined],
    [
      'neither',
      asking,
      false,
      'the eval "support" has no script, so it asks Claude, and there is no credential. Set ANTHROPIC_API_KEY, or give it a script.',
    ],
    [
      'a script, run live',
      scripted,
      true,
      'the eval "support" is to ask Claude, and there is no credential. Set ANTHROPIC_API_KEY, or run it with its script.',
    ],
  ] as const)('with %s', (_with, evaluation, live, problem) => {
    expect(credentialProblem(evaluation, live, {})).toBe(problem);
    expect(credentialProblem(evaluation, live, { ANTHROPIC_API_KEY: 'k' })).toBeUndefined();
  });
});

import { z } from 'zod';
import type { Duration } from '../../agents/check-options.ts';
import {
  callable,
  checkOptions,
  declaring,
  duration,
  someText,
  subjectOf,
  wholeNumber,
  wrongOptions,
} from '../../agents/check-options.ts';
import type { Agent } from '../../agents/define-agent.ts';
import { isAgent } from '../../agents/define-agent.ts';
import type { TurnLimitOptions } from '../../client/options.ts';
import { defined, isRecord } from '../../core/json.ts';
import type { TurnInput } from '../../core/turn/input.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import type { TurnExpectation } from '../expect-turn.ts';
import type { Script } from '../script.ts';
import type { StageOptions } from '../stage.ts';
import type { Verdict } from './judge.ts';

type Decision = 'approve' | 'deny';

/** What becomes of calls that wait for a person: there is nobody in an eval. */
export type Decide = Decision | ((request: ApprovalRequest) => Decision | Promise<Decision>);

/** One input, and what a good turn does with it. */
export interface EvalCase<Context = unknown, Output = unknown> {
  /** What a good turn does, as a sentence. Unique in the eval; reports and `--filter` know the case by it. */
  name: string;
  /** What the turn begins with: a text, content blocks, or a whole conversation that ends with the user. */
  input: TurnInput;
  /** What the tools should know and the model should not; JSON. @default none */
  context?: Context;
  /** What one turn may spend. The agent's limits hold too: the lower one counts. @default the agent's */
  limits?: TurnLimitOptions;
  /**
   * Says what a good turn has done, with the assertions of `expectTurn` or of any library: the run fails when it
   * throws or rejects. A case needs this or a `rubric`. @default nothing is expected
   */
  expect?: (turn: TurnExpectation, result: TurnResult<Output>) => unknown;
  /**
   * What the judge of the eval judges the run by, in words. It is not asked about a run that `expect` has
   * failed. @default the judge is not asked
   */
  rubric?: string;
  /** Instead of that of the eval. */
  passRate?: number;
  /** Instead of that of the eval. */
  decide?: Decide;
}

/** What `defineEval` takes. */
export interface EvalOptions<Context = unknown, Output = unknown> {
  /** What reports call it. @default the name of the agent */
  name?: string;
  /** The agent under test. Its sub-agents come along. */
  agent: Agent<Context, Output>;
  /** At least one. */
  cases: readonly EvalCase<Context, Output>[];
  /** Judges the runs of cases with a `rubric`: what `defineJudge` returns, or an agent with such an output. @default none */
  judge?: Agent<unknown, Verdict>;
  /**
   * What the model answers, so that the eval runs without a key: it then tests your tools and the eval itself. It
   * must answer the judge too (`forAgent`). `live` of `runEval` asks Claude all the same. @default Claude is asked
   */
  script?: Script;
  /** How often each case is run; the field also says epochs or trials. @default 1 */
  runs?: number;
  /** Which part of its runs a case must pass, above 0 and up to 1. @default 1 */
  passRate?: number;
  /** Most runs at the same time. @default 4 */
  concurrency?: number;
  /** Longest time of one turn, after which it ends with `max_wall_time`. `limits.wallTime` of a case counts instead. @default '10m' */
  timeout?: Duration;
  /**
   * What all runs together may cost in USD. When it is spent, no further run is started, and the eval does not
   * pass; runs that are under way end, so it may be exceeded by those. Needs `prices` of the agent and of the
   * judge. @default no limit
   */
  maxCostUSD?: number;
  /** What becomes of calls that wait for a person. @default 'deny' */
  decide?: Decide;
  /**
   * Options of the worker, such as `storage`, `activities`, or `anthropic` for another way to reach Claude
   * (ignored where the script answers). @default none
   */
  worker?: Omit<StageOptions, 'agents' | 'temporal' | 'taskQueue' | 'taskQueues'>;
}

/** What `defineEval` returns: `runEval` and `plait eval` run it. */
export interface Eval {
  readonly name: string;
  readonly agent: Agent;
  readonly cases: readonly EvalCase[];
  readonly judge?: Agent;
  readonly script?: Script;
  readonly runs: number;
  readonly passRate: number;
  readonly concurrency: number;
  /** In milliseconds. */
  readonly timeout: number;
  readonly maxCostUSD?: number;
  readonly decide: Decide;
  readonly worker: NonNullable<EvalOptions['worker']>;
}

const rate = z
  .number('must be a number above 0 and up to 1')
  .gt(0, 'must be a number above 0 and up to 1')
  .max(1, 'must be a number above 0 and up to 1');
const DECIDE = 'must be "approve", "deny" or a function that returns one of them';
const decide = callable(
  z.custom<Decide>(
    (value) => value === 'approve' || value === 'deny' || typeof value === 'function',
    DECIDE,
  ),
);
const functionOption = <F>() =>
  callable(z.custom<F>((value) => typeof value === 'function', 'must be a function'));
const agentOption = () => z.custom<Agent>(isAgent, 'must be what defineAgent() returns');

const evalCase = z.strictObject({
  name: someText(),
  input: z.custom<TurnInput>(
    (value) => typeof value === 'string' || Array.isArray(value),
    'must be a text, content blocks or messages',
  ),
  context: z.unknown().optional(),
  limits: z.custom<TurnLimitOptions>(isRecord, 'must be an object').optional(),
  expect: functionOption<NonNullable<EvalCase['expect']>>().optional(),
  rubric: someText().optional(),
  passRate: rate.optional(),
  decide: decide.optional(),
});

const evalOptions = z.strictObject({
  name: someText().optional(),
  agent: agentOption(),
  cases: z.array(evalCase).min(1, 'must not be empty'),
  judge: agentOption().optional(),
  script: functionOption<Script>().optional(),
  runs: wholeNumber(1).default(1),
  passRate: rate.default(1),
  concurrency: wholeNumber(1).default(4),
  timeout: duration.default(600_000),
  maxCostUSD: z
    .number('must be a number of US dollars above 0')
    .gt(0, 'must be a number of US dollars above 0')
    .optional(),
  decide: decide.default('deny'),
  worker: z.custom<Eval['worker']>(isRecord, 'must be an object').default({}),
});

/**
 * An eval: cases for an agent, and what a good turn does in each. `runEval` runs it from a program or a test,
 * `plait eval` from the command line.
 *
 * Throws a `DeclarationError` for wrong options: also for a case that checks nothing, and for a `rubric` without
 * a `judge`. Whether an input can begin a turn shows when it is run.
 *
 * @example
 * export const refunds = defineEval({
 *   agent: support,
 *   runs: 5,
 *   passRate: 0.8,
 *   cases: [
 *     {
 *       name: 'refunds the last order after both lookups',
 *       input: 'Refund the last order of customer 7',
 *       expect: (turn) =>
 *         turn.trajectory('strict', ['get_customer', 'get_orders'], ['refund']).says('A-17'),
 *     },
 *   ],
 * });
 */
export function defineEval<Context = unknown, Output = unknown>(
  options: EvalOptions<Context, Output>,
): Eval {
  const subject = subjectOf('defineEval', options);
  return declaring(subject, () => {
    const checked = checkOptions(subject, evalOptions, options);
    const problems = evalProblems(checked);
    if (problems.length > 0) throw wrongOptions(subject, problems);
    const { name = checked.agent.name, cases, ...others } = checked;
    // The author of a case knows the types of the agent. From here on, they do not matter.
    return defined({ ...others, name, cases: cases.map((one) => defined(one)) }) as Eval;
  });
}

type Checked = z.output<typeof evalOptions>;

function evalProblems({ agent, judge, cases, maxCostUSD }: Checked): string[] {
  const names = cases.map(({ name }) => name);
  const twice = [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
  const unpriced = [agent, judge].filter((one) => one !== undefined && one.prices === undefined);
  return [
    ...twice.map((name) => `cases has the name ${JSON.stringify(name)} more than once`),
    ...cases.flatMap(({ name, expect, rubric }) => caseProblem(name, expect, rubric, judge) ?? []),
    ...(judge?.name === agent.name
      ? [
          `judge and agent are both named ${JSON.stringify(agent.name)}: give the judge another name`,
        ]
      : []),
    ...(maxCostUSD === undefined
      ? []
      : unpriced.map((one) => `maxCostUSD needs the \`prices\` of the agent ${one?.name}`)),
  ];
}

function caseProblem(
  name: string,
  expect: unknown,
  rubric: string | undefined,
  judge: unknown,
): string | undefined {
  const subject = `the case ${JSON.stringify(name)}`;
  if (rubric !== undefined && judge === undefined) {
    return `${subject} has a rubric, and there is no judge: add \`judge: defineJudge({ model })\``;
  }
  return expect === undefined && rubric === undefined
    ? `${subject} checks nothing: give it \`expect\`, or a \`rubric\` for the judge`
    : undefined;
}

/** The cases whose name contains the text, in whatever case. */
export function casesNamed({ cases }: Eval, text = ''): readonly EvalCase[] {
  const wanted = text.toLowerCase();
  return cases.filter(({ name }) => name.toLowerCase().includes(wanted));
}

/** By its shape: it may come from another copy of Plait. */
export function isEval(value: unknown): value is Eval {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    isAgent(value['agent']) &&
    Array.isArray(value['cases']) &&
    typeof value['runs'] === 'number' &&
    typeof value['passRate'] === 'number'
  );
}

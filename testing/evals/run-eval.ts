import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { Agent } from '../../agents/define-agent.ts';
import { DecisionRejectedError, InvalidOutputError, TurnFailedError } from '../../client/errors.ts';
import { WAITS_FOR_APPROVAL } from '../../client/follow/snapshot.ts';
import { allCallsOf } from '../../client/follow/sub-agents.ts';
import type { StartTurnOptions } from '../../client/options.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import {
  given,
  optionalBooleanProblem,
  optionalFunctionProblem,
  optionalTextProblem,
  recordProblem,
  rejectIf,
} from '../../core/arguments.ts';
import { PlaitError } from '../../core/errors.ts';
import { causeChain } from '../../core/failures.ts';
import { defined } from '../../core/json.ts';
import type { TurnInput } from '../../core/turn/input.ts';
import { sumUSD } from '../../core/turn/prices.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { TurnProgress, TurnResult } from '../../core/turn/result.ts';
import type { Usage } from '../../core/turn/usage.ts';
import { addUsage, NO_USAGE } from '../../core/turn/usage.ts';
import { hasCredential } from '../../worker/credential.ts';
import { expectTurn } from '../expect-turn.ts';
import { startMessagesServer } from '../messages-server.ts';
import type { Stage, StageOptions } from '../stage.ts';
import { runAll, startStage } from '../stage.ts';
import type { Decide, Eval, EvalCase } from './define-eval.ts';
import { casesNamed, isEval } from './define-eval.ts';
import type { Verdict } from './judge.ts';
import { judgeInput, verdictOf } from './judge.ts';
import type { EvalModel, EvalReport, EvalRun, PassedRun } from './report.ts';
import { caseReport, evalReport } from './report.ts';

/** What `runEval` takes besides the eval. */
export interface RunEvalOptions {
  /** Ask Claude, also where the eval has a script. @default false */
  live?: boolean;
  /** How often each case is run. @default what the eval says */
  runs?: number;
  /** Only the cases whose name contains this text, in whatever case. @default all */
  filter?: string;
  /** A server that already runs, as for `startTestEnvironment`. @default a new one in memory */
  temporal?: StageOptions['temporal'];
  /** Called before the first run, and after each. @default nothing */
  onProgress?: (done: number, all: number) => void;
}

/**
 * Runs all cases of an eval as turns on a real Temporal server, with your tools, and reports how they went. The
 * model is the script of the eval where it has one, and Claude otherwise, with the credentials of the environment
 * (`ANTHROPIC_API_KEY`) or those of `worker.anthropic`. `report.model` says which it was.
 *
 * A run that fails is in the report and never throws. Throws a `DeclarationError` for wrong options, for a
 * `filter` that no case matches, and where Claude is to be asked and there is no credential; and what
 * `startTestEnvironment` throws where there is no Temporal server to be had.
 *
 * @example
 * const report = await runEval(refunds);
 * expect(report.failures).toEqual([]);
 */
export async function runEval(evaluation: Eval, options: RunEvalOptions = {}): Promise<EvalReport> {
  rejectIf(
    DeclarationError,
    isEval(evaluation)
      ? undefined
      : `runEval: the eval must come from defineEval; got ${given(evaluation)}`,
    recordProblem('runEval: the options', options),
  );
  const { live, runs = evaluation.runs, filter, temporal, onProgress } = options;
  rejectIf(
    DeclarationError,
    optionalBooleanProblem('runEval: live', live),
    Number.isSafeInteger(runs) && runs >= 1
      ? undefined
      : `runEval: runs must be a whole number of at least 1; got ${given(runs)}`,
    optionalTextProblem('runEval: filter', filter),
    optionalFunctionProblem('runEval: onProgress', onProgress),
  );
  const cases = chosenCases(evaluation, filter);
  const problem = credentialProblem(evaluation, live);
  if (problem !== undefined) throw new DeclarationError(`runEval: ${problem}`);
  const script = live === true ? undefined : evaluation.script;
  const start = Date.now();
  const { stage, model, close } = await open(evaluation, script, temporal);
  try {
    const results = await runCases({ stage, evaluation }, cases, runs, onProgress);
    const { name, agent } = evaluation;
    const wallTime = Date.now() - start;
    return evalReport({ name, agent: agent.name, model, wallTime }, results);
  } finally {
    await close();
  }
}

/** Why the model cannot be asked; `undefined` if it can, or if the script answers. */
export function credentialProblem(
  { name, script, worker }: Eval,
  live = false,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  if ((script !== undefined && !live) || hasCredential(worker.anthropic, env)) return undefined;
  const why = live ? 'is to ask Claude' : 'has no script, so it asks Claude';
  const instead = live ? 'run it with its script' : 'give it a script';
  return `the eval ${JSON.stringify(name)} ${why}, and there is no credential. Set ANTHROPIC_API_KEY, or ${instead}.`;
}

function chosenCases(evaluation: Eval, filter: string | undefined): readonly EvalCase[] {
  const chosen = casesNamed(evaluation, filter);
  if (chosen.length > 0) return chosen;
  const { name, cases } = evaluation;
  const names = cases.map((one) => JSON.stringify(one.name)).join(', ');
  throw new DeclarationError(
    `runEval: no case of the eval ${JSON.stringify(name)} has ${JSON.stringify(filter)} in its name. They are: ${names}`,
  );
}

interface Opened {
  stage: Stage;
  model: EvalModel;
  close: () => Promise<void>;
}

async function open(
  { agent, judge, worker }: Eval,
  script: Eval['script'],
  temporal: StageOptions['temporal'],
): Promise<Opened> {
  const cleanups: (() => Promise<void>)[] = [];
  const close = () => runAll(cleanups.splice(0).toReversed());
  try {
    let anthropic: StageOptions['anthropic'];
    if (script !== undefined) {
      const server = await startMessagesServer({ script, keepRequests: false });
      cleanups.push(() => server.close());
      anthropic = { baseURL: server.url, apiKey: 'scripted' };
    }
    const agents = judge === undefined ? [agent] : [agent, judge];
    const stage = await startStage({ ...worker, agents, ...defined({ anthropic, temporal }) });
    cleanups.push(() => stage.close());
    return { stage, model: script === undefined ? 'claude' : 'script', close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

interface Running {
  stage: Stage;
  evaluation: Eval;
}

async function runCases(
  running: Running,
  cases: readonly EvalCase[],
  runs: number,
  onProgress: RunEvalOptions['onProgress'],
) {
  const { passRate, concurrency, maxCostUSD } = running.evaluation;
  const results = cases.map((): EvalRun[] => []);
  let done = 0;
  let spent = 0;
  const jobs = cases.flatMap((one, i) =>
    Array.from({ length: runs }, (_, run) => async () => {
      const result =
        maxCostUSD !== undefined && spent >= maxCostUSD
          ? skipped(maxCostUSD)
          : await runCase(running, one);
      if (result.type !== 'skipped') spent += result.costUSD ?? 0;
      const list = results[i];
      // Runs may end in any order.
      if (list !== undefined) list[run] = result;
      done += 1;
      onProgress?.(done, jobs.length);
    }),
  );
  onProgress?.(done, jobs.length);
  await allOf(jobs, concurrency);
  return cases.map((one, i) => caseReport(one.name, one.passRate ?? passRate, results[i] ?? []));
}

/** Runs all jobs, at most this many at the same time. */
async function allOf(jobs: readonly (() => Promise<void>)[], atOnce: number): Promise<void> {
  const waiting = jobs.values();
  const lanes = Array.from({ length: Math.min(atOnce, jobs.length) }, async () => {
    // All lanes share one iterator.
    for (const job of waiting) await job();
  });
  await Promise.all(lanes);
}

function skipped(maxCostUSD: number): EvalRun {
  return { type: 'skipped', problem: `the $${maxCostUSD} of maxCostUSD are spent` };
}

/** One run: the turn, then its expectations, then the judge. Never rejects. */
async function runCase({ stage, evaluation }: Running, one: EvalCase): Promise<EvalRun> {
  const { agent, judge, timeout } = evaluation;
  const turnId = `eval-${agent.name}-${randomUUID()}`;
  const { input, context, rubric, decide = evaluation.decide } = one;
  const limits = { wallTime: timeout, ...one.limits };
  const turn = await endOf(
    stage,
    { agent, input, decide },
    { turnId, limits, ...defined({ context }) },
  );
  const started = { turnId, ...doneBy(turn), ...spentBy(turn) };
  if (turn.type === 'failed') return { type: 'error', problem: turn.problem, ...started };
  const problem = turn.problem ?? (await unexpected(one, turn.observed));
  if (problem !== undefined) return { type: 'failed', problem, ...started };
  if (rubric === undefined || judge === undefined) return { type: 'passed', ...started };

  const question = judgeInput(input, rubric, turn.observed);
  const judged = await endOf(
    stage,
    { agent: judge, input: question, decide: 'deny' },
    { turnId: `${turnId}-judge`, limits: { wallTime: timeout } },
  );
  const both = { ...started, ...together(started, spentBy(judged)) };
  const verdict = judged.type === 'failed' ? undefined : verdictOf(judged.observed.output);
  if (verdict === undefined) return { type: 'error', problem: noVerdict(judged), ...both };
  return afterVerdict(both, verdict);
}

function afterVerdict(started: Omit<PassedRun, 'type' | 'verdict'>, verdict: Verdict): EvalRun {
  if (verdict.pass) return { type: 'passed', ...started, verdict };
  const problem = `the judge did not let it pass: ${verdict.reason}`;
  return { type: 'failed', problem, ...started, verdict };
}

/** How a turn ended. If it has a result, `problem` says what is wrong with its output. */
type TurnEnd =
  | { type: 'ended'; observed: TurnResult; problem?: string }
  | { type: 'failed'; observed: TurnProgress | undefined; problem: string };

interface Asked {
  agent: Agent;
  input: TurnInput;
  decide: Decide;
}

async function endOf(
  { agents }: Stage,
  { agent, input, decide }: Asked,
  options: StartTurnOptions,
): Promise<TurnEnd> {
  try {
    const turn = await agents.start(agent, input, options);
    return { type: 'ended', observed: await decidedResult(turn, decide) };
  } catch (error) {
    if (error instanceof InvalidOutputError) {
      return { type: 'ended', observed: error.result, problem: error.message };
    }
    const observed = error instanceof TurnFailedError ? error.progress : undefined;
    // Plait's own messages are complete. For other errors the causes may help.
    const problem = error instanceof PlaitError ? error.message : causeChain(error);
    return { type: 'failed', observed, problem };
  }
}

/** The result of a turn, after deciding its calls that wait for a person. */
async function decidedResult(turn: TurnHandle, decide: Decide): Promise<TurnResult> {
  const over = new AbortController();
  const ended = turn.result().finally(() => over.abort());
  // Handled already: it is awaited below, unless a decision fails first.
  ended.catch(() => undefined);
  try {
    await Promise.all([ended, decideCalls(turn, decide, over.signal)]);
  } catch (error) {
    if (!over.signal.aborted) await turn.cancel().catch(() => undefined);
    throw error;
  }
  return await ended;
}

/** Plays the person of every approval until the turn is over. */
async function decideCalls(turn: TurnHandle, decide: Decide, signal: AbortSignal): Promise<void> {
  const decided = new Set<string>();
  for await (const snapshot of turn.watch({ signal })) {
    const waiting = allCallsOf(snapshot).filter(
      ({ state, message }) => state === 'waiting' && message === WAITS_FOR_APPROVAL,
    );
    for (;;) {
      if (waiting.every(({ id }) => decided.has(id)) || signal.aborted) break;
      for (const request of await turn.approvals()) {
        if (decided.has(request.callId)) continue;
        await decideCall(turn, request, decide);
        decided.add(request.callId);
      }
      // A call may not be listed yet, and no other snapshot has to follow, so look again.
      if (waiting.some(({ id }) => !decided.has(id))) await pause(signal);
    }
  }
}

async function decideCall(
  turn: TurnHandle,
  request: ApprovalRequest,
  decide: Decide,
): Promise<void> {
  const decision = typeof decide === 'function' ? await decide(request) : decide;
  try {
    switch (decision) {
      case 'approve':
        return await turn.approve(request.callId, { by: BY });
      case 'deny':
        return await turn.deny(request.callId, { by: BY, reason: DENIED });
      default:
        throw new DeclarationError(
          `decide must return "approve" or "deny"; got ${given(decision)}`,
        );
    }
  } catch (error) {
    // Too late: the call has been decided, or its time is up.
    if (!(error instanceof DecisionRejectedError)) throw error;
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
}

const PAUSE_MS = 500;
const BY = 'plait eval';
const DENIED = 'Nobody was there to approve it.';

/** What the case expects but the turn has not done. */
async function unexpected(one: EvalCase, result: TurnResult): Promise<string | undefined> {
  try {
    await one.expect?.(expectTurn(result), result);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function noVerdict(judged: TurnEnd): string {
  if (judged.type === 'failed') return `the judge failed: ${judged.problem}`;
  const { stopReason, text } = judged.observed;
  return `the judge ended with ${stopReason} and without a verdict: ${JSON.stringify(text)}`;
}

function doneBy({ observed }: TurnEnd) {
  const { calls = [], text = '', timing } = observed ?? {};
  const rounds = [...new Set(calls.map(({ round }) => round))];
  return {
    trajectory: rounds.map((round) =>
      calls.filter((call) => call.round === round).map(({ name }) => name),
    ),
    text,
    wallTime: timing?.wallTime ?? 0,
  };
}

interface Spent {
  usage: Usage;
  costUSD?: number;
}

function spentBy({ observed }: TurnEnd): Spent {
  const { usage = NO_USAGE, costUSD } = observed ?? {};
  return { usage, ...defined({ costUSD }) };
}

function together(a: Spent, b: Spent): Spent {
  const costUSD = sumUSD(a.costUSD, b.costUSD);
  return { usage: addUsage(a.usage, b.usage), ...defined({ costUSD }) };
}

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { History } from './history.ts';
import type { Run } from './run-once.ts';
import type { Scenario } from './scenarios.ts';
import type { Summary } from './statistics.ts';

/** What one run of the benchmark has measured. */
export interface Results {
  readonly machine: Machine;
  readonly scenarios: readonly ScenarioResult[];
  readonly linear: readonly LinearResult[];
  readonly session: readonly SessionMoment[];
  readonly actions: readonly CountedWork[];
}

/** Where it was measured. */
export interface Machine {
  readonly cores: number;
  /** Versions of Node and of Temporal's server. */
  readonly node: string;
  readonly server: string;
  /** The peers' packages and their versions, where they took part. */
  readonly peers: Readonly<Record<string, string>>;
}

/** All contenders of a scenario. */
export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly measurements: readonly Measurement[];
}

/** The result of one contender for one scenario. */
export interface Measurement {
  readonly contender: string;
  /** Milliseconds of a run, over the runs that ended, if any did. */
  readonly time?: Summary;
  /**
   * The duration of each of these runs, in order. If all have ended, those of one repetition ran one after
   * the other.
   */
  readonly times: readonly number[];
  /** The history of the first turn in the last run. */
  readonly history?: History;
  /** Actions of one turn, on average, by kind, if the contender's server counts them. */
  readonly actions?: Readonly<Record<string, number>>;
  /** The size of that history at each model request, for scenarios of several rounds. */
  readonly sizes?: readonly number[];
  readonly terminated?: NonNullable<Run['terminated']>;
  readonly wrongAnswer?: string;
}

/** The history of a turn over all its runs, without its result. */
export interface LinearResult {
  readonly setup: string;
  readonly rounds: number;
  /** Size of each call's result. */
  readonly resultBytes: number;
  readonly ms: number;
  readonly runs: number;
  readonly events: number;
  readonly bytes: number;
  /** The model's answer, if it is wrong. It never should be. */
  readonly wrongAnswer?: string;
}

/** A session at one moment. */
export interface SessionMoment {
  readonly when: string;
  /** Median time to describe the session and read its newest messages. */
  readonly openMs: number;
  /** Of the current run. */
  readonly events: number;
  readonly bytes: number;
  readonly messages: number;
}

/** What one piece of work has cost. */
export interface CountedWork {
  readonly title: string;
  readonly total: number;
  /** By the kind of Action. */
  readonly actions: Readonly<Record<string, number>>;
}

/** The run that docs/benchmarks.md shows and `npm run bench:check` compares with. */
export const KEPT = new URL('results.json', import.meta.url);

/** Throws an error whose message is for the user. */
export function readResults(path: URL | string): Results {
  if (!existsSync(path)) {
    throw new Error(
      `There are no results in ${String(path)}: npm run bench:docs keeps those of a whole run`,
    );
  }
  return JSON.parse(readFileSync(path, 'utf8')) as Results;
}

export function writeResults(path: URL | string, results: Results): void {
  writeFileSync(path, `${textOf(results)}\n`);
}

/** As JSON. Hundredths of a millisecond are below the noise. */
export function textOf(results: Results): string {
  return JSON.stringify(results, rounded, 1);
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 100) / 100 : value;
}

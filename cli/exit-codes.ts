import { wrap } from './text.ts';

/** The exit codes of `plait`. Scripts rely on them, so a code never changes its meaning. */
export const EXIT_CODES = {
  ok: 0,
  unexpected: 1,
  wrongInput: 2,
  noWorker: 3,
  temporalUnavailable: 4,
  stoppedEarly: 5,
  turnFailed: 6,
  stillRunning: 7,
  rejected: 8,
  storageUnavailable: 9,
  unhealthy: 10,
  evalFailed: 11,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

const MEANINGS: Record<keyof typeof EXIT_CODES, string> = {
  ok: 'done; for `run`: the turn ended with end_turn or stop_sequence',
  unexpected: 'unexpected error; PLAIT_DEBUG=1 shows the stack trace',
  wrongInput: 'wrong input: an argument, the module, a declaration',
  noWorker: 'no worker polls the task queue (`run` then starts nothing), or none answers',
  temporalUnavailable: 'the Temporal server or its namespace cannot be reached',
  stoppedEarly: 'the turn ended for another reason: a limit, max_tokens, refusal, cancelled, …',
  turnFailed: 'the turn failed',
  stillRunning: 'the time to wait is up; the turn goes on',
  rejected:
    'rejected by the turn, the session or the server; or `storage gc` might remove data that is still needed',
  storageUnavailable: 'the storage cannot be written and read',
  unhealthy: '`doctor` has found a problem',
  evalFailed: 'a case of `eval` did not pass',
  interrupted: 'interrupted: by a second Ctrl-C, for `eval` by the first',
};

/** For `plait --help`, wrapped for a terminal of so many columns; not for a pipe. */
export function exitCodeHelp(columns: number = Number.POSITIVE_INFINITY): string {
  const names = Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[];
  const lines = names.flatMap((name) =>
    wrap(MEANINGS[name], columns - INDENT - 1).map(
      (line, i) => `  ${(i === 0 ? String(EXIT_CODES[name]) : '').padEnd(INDENT - 2)}${line}`,
    ),
  );
  return ['Exit codes:', ...lines].join('\n');
}

const INDENT = 7;

/**
 * A problem that the user can solve. It is printed as one line that says what to do, without a stack trace.
 * Not for defects of the program itself.
 */
export class CliError extends Error {
  override readonly name = 'CliError' as const;
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

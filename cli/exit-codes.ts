/** What the exit code of `plait` says. Scripts rely on them, so a code never changes its meaning. */
export const EXIT_CODES = {
  ok: 0,
  unexpected: 1,
  wrongInput: 2,
  noWorker: 3,
  temporalUnavailable: 4,
  stoppedEarly: 5,
  turnFailed: 6,
  stillRunning: 7,
  refused: 8,
  storageUnavailable: 9,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

const MEANINGS: Record<keyof typeof EXIT_CODES, string> = {
  ok: 'done; for `run`: the turn ended with end_turn or stop_sequence',
  unexpected: 'something unexpected; PLAIT_DEBUG=1 shows where',
  wrongInput: 'wrong input: an argument, the module, a declaration',
  noWorker: 'no worker polls the task queue, or none answers; for `run`: nothing was started',
  temporalUnavailable: 'the Temporal server or its namespace cannot be reached',
  stoppedEarly: 'the turn ended for another reason (a limit, max_tokens, refusal, cancelled, …)',
  turnFailed: 'the turn failed',
  stillRunning: 'the time to wait is up, and the turn goes on',
  refused:
    'refused by the turn, the session (a call does not wait, the session is closed, …), or by the server for `setup`; gc would remove everything',
  storageUnavailable: 'the storage cannot be written and read',
  interrupted: 'ended at once by a second Ctrl-C',
};

/** For `plait --help`. */
export function exitCodeHelp(): string {
  const lines = (Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]).map(
    (name) => `  ${String(EXIT_CODES[name]).padEnd(5)}${MEANINGS[name]}`,
  );
  return ['Exit codes:', ...lines].join('\n');
}

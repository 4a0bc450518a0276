// What the model is told about calls that did not simply succeed or fail, in one place, since the
// workflow and the worker both may be the one that notices.
import { shorten } from '../json.ts';

export const MAY_HAVE_HAPPENED =
  'It may or may not have taken effect; check before calling it again.';

/** The limits of a call, in milliseconds, as the tool declared them. */
interface Limits {
  startToCloseTimeout: number;
  scheduleToStartTimeout?: number | undefined;
  scheduleToCloseTimeout?: number | undefined;
}

/** The server shortens every other limit to `scheduleToCloseTimeout` and then reports the other. */
export function timedOutText(limits: Limits, repeatable: boolean): string {
  const { startToCloseTimeout, scheduleToCloseTimeout } = limits;
  const isWhole =
    scheduleToCloseTimeout !== undefined && scheduleToCloseTimeout <= startToCloseTimeout;
  const limit = isWhole
    ? wholeTime(limits)
    : `${duration(startToCloseTimeout)} (startToCloseTimeout)`;
  return notEnded(limit, repeatable);
}

export function outOfTimeText(limits: Limits, repeatable: boolean): string {
  return notEnded(wholeTime(limits), repeatable);
}

export function notTakenText(limits: Limits, repeatable: boolean): string {
  const { scheduleToStartTimeout, scheduleToCloseTimeout = Number.POSITIVE_INFINITY } = limits;
  const isWaiting =
    scheduleToStartTimeout !== undefined && scheduleToStartTimeout < scheduleToCloseTimeout;
  const limit = isWaiting
    ? `${duration(scheduleToStartTimeout)} (scheduleToStartTimeout)`
    : wholeTime(limits);
  // An earlier attempt of a repeatable call may have run.
  return `Timed out: no worker took the call within ${limit}${repeatable ? '' : ', so it did not run'}.`;
}

/** Why the failure of one attempt is the end of a call that would have had others. */
export const NO_TIME_LEFT = ' (no time for another attempt: scheduleToCloseTimeout)';

function wholeTime({ scheduleToCloseTimeout = 0 }: Limits): string {
  return `${duration(scheduleToCloseTimeout)} (scheduleToCloseTimeout)`;
}

function notEnded(limit: string, repeatable: boolean): string {
  const text = `Timed out: the call did not end within ${limit}.`;
  return repeatable ? text : `${text} ${MAY_HAVE_HAPPENED}`;
}

export function workerLostText(heartbeatTimeout: number): string {
  return `The worker that ran the call was lost: no heartbeat for ${duration(heartbeatTimeout)} (heartbeatTimeout).`;
}

/** What is known of the attempt before the one that a limit ended. */
export function beforeText(failure: string | undefined): string {
  return failure === undefined ? '' : ` The attempt before it failed: ${failure}`;
}

export function afterAttempts(attempts: number): string {
  return attempts > 1 ? ` (after ${attempts} attempts)` : '';
}

/** As long as the message of a tool may be. */
const MAX_TOLD = 3_000;

/** What somebody wrote for the model. Half an emoji would make every later request a 400. */
export function toldFromOutside(text: string): string {
  return shorten(text.toWellFormed(), MAX_TOLD);
}

export function deniedText(reason?: string): string {
  const why = reason === undefined || reason.trim() === '' ? '' : `: ${toldFromOutside(reason)}`;
  return `A person denied this call, so it did not run${why}`;
}

export function expiredText(timeout: number): string {
  return `This call needs a person's approval, and nobody decided within ${duration(timeout)}, so it did not run.`;
}

/** Told before a result: the model must not believe that what it wrote was done. */
export function editedText(input: unknown): string {
  return `A person changed the input of this call before it ran. It ran with: ${shown(input)}`;
}

/** The same for a call that did not run after all. */
export function editedInVainText(input: unknown): string {
  return `A person changed the input of this call to: ${shown(input)}`;
}

function shown(input: unknown): string {
  return shorten(JSON.stringify(input), MAX_TOLD);
}

export function notCompletedText(timeout: number): string {
  return `Timed out: the call was handed over and not completed within ${duration(timeout)}. ${MAY_HAVE_HAPPENED}`;
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${milliseconds} ms`;
  const [amount, unit] = [
    [milliseconds / 86_400_000, 'days'],
    [milliseconds / 3_600_000, 'hours'],
    [milliseconds / 60_000, 'minutes'],
  ].find(([value]) => (value as number) >= 2) ?? [milliseconds / 1_000, 's'];
  return `${Math.round((amount as number) * 10) / 10} ${unit}`;
}

// What the model is told about calls that did not simply succeed or fail, in one place, since the
// workflow and the worker both may be the one that notices.

export const MAY_HAVE_HAPPENED =
  'It may or may not have taken effect; check before calling it again.';

export function timedOutText(startToCloseTimeout: number, repeatable: boolean): string {
  const limit = `Timed out: the call did not end within ${duration(startToCloseTimeout)} (startToCloseTimeout).`;
  return repeatable ? limit : `${limit} ${MAY_HAVE_HAPPENED}`;
}

export function workerLostText(heartbeatTimeout: number): string {
  return `The worker that ran the call was lost: no heartbeat for ${duration(heartbeatTimeout)} (heartbeatTimeout).`;
}

export function afterAttempts(attempts: number): string {
  return attempts > 1 ? ` (after ${attempts} attempts)` : '';
}

export function deniedText(reason?: string): string {
  const why = reason === undefined || reason.trim() === '' ? '' : `: ${reason}`;
  return `A person denied this call, so it did not run${why}`;
}

export function expiredText(timeout: number): string {
  return `This call needs a person's approval, and nobody decided within ${duration(timeout)}, so it did not run.`;
}

/** Told before a result: the model must not believe that what it wrote was done. */
export function editedText(input: unknown): string {
  return `A person changed the input of this call before it ran. It ran with: ${JSON.stringify(input)}`;
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

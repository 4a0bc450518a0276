// What the model is told about calls that did not simply succeed or fail, in one place, since the
// workflow and the worker both may be the one that notices.

export const MAY_HAVE_HAPPENED =
  'It may or may not have taken effect; check before calling it again.';

export function timedOutText(startToCloseTimeout: number, repeatable: boolean): string {
  const limit = `Timed out: the call did not end within ${seconds(startToCloseTimeout)} (startToCloseTimeout).`;
  return repeatable ? limit : `${limit} ${MAY_HAVE_HAPPENED}`;
}

export function workerLostText(heartbeatTimeout: number): string {
  return `The worker that ran the call was lost: no heartbeat for ${seconds(heartbeatTimeout)} (heartbeatTimeout).`;
}

export function afterAttempts(attempts: number): string {
  return attempts > 1 ? ` (after ${attempts} attempts)` : '';
}

function seconds(milliseconds: number): string {
  return milliseconds < 1_000 ? `${milliseconds} ms` : `${milliseconds / 1_000} s`;
}

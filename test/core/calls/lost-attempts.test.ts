import { describe, expect, test, vi } from 'vitest';
import type { LossRules, Loss } from '../../../core/calls/lost-attempts.ts';
import { afterLoss, NO_LOSSES } from '../../../core/calls/lost-attempts.ts';
import type { EarlierAttempts } from '../../../core/calls/tool-call.ts';
import { activityOptions, toolPolicy } from '../../../core/calls/tool-policy.ts';

const saying = (text: string) => expect.stringContaining(text) as unknown;
const loss: Loss = {
  type: 'crash',
  attempt: undefined,
  failedAttempt: undefined,
  details: undefined,
};
const policy = toolPolicy(true, { retry: { maximumAttempts: 3 } });

interface Lost {
  loss?: Partial<Loss>;
  losses?: typeof NO_LOSSES;
  earlier?: EarlierAttempts;
  elapsed?: number;
  declared?: typeof policy;
  rules?: LossRules;
}

function after(lost: Lost) {
  const { losses = NO_LOSSES, earlier, elapsed = 1_000, declared = policy } = lost;
  return afterLoss(
    declared,
    { ...loss, ...lost.loss },
    { losses, earlier, elapsed },
    { rules: () => lost.rules ?? 'by type', random: () => 0.25 },
  );
}

describe('the attempts up to a loss', () => {
  test.each<[what: string, lost: Lost, earlier: EarlierAttempts]>([
    [
      'are one that is no failure of the tool, where nothing is known',
      {},
      { attempts: 1, failures: 0 },
    ],
    [
      'are those before it as well, which the tool has failed itself',
      { loss: { attempt: 3 } },
      { attempts: 3, failures: 2 },
    ],
    [
      'are known from the failure before it, too',
      { loss: { attempt: 1, failedAttempt: 1 } },
      { attempts: 2, failures: 1 },
    ],
    [
      'go on from those of earlier activities, with their details',
      { earlier: { attempts: 3, failures: 1, details: 'page 3' } },
      { attempts: 4, failures: 1, details: 'page 3' },
    ],
    [
      'have the newest details',
      { loss: { attempt: 5, details: 'page 5' }, earlier: { attempts: 3, failures: 1 } },
      { attempts: 5, failures: 2, details: 'page 5' },
    ],
  ])('%s', (_, lost, earlier) => {
    expect(after(lost)).toMatchObject({ type: 'again', tries: { earlier } });
  });
});

describe('a call whose worker was lost', () => {
  test.each([
    [1, 3],
    [2, 2],
    [9, 1],
  ])('in attempt %i keeps the attempts that its tool did not fail: %i', (attempt, left) => {
    const policyLeft = { retry: { maximumAttempts: left } };
    expect(after({ loss: { attempt } })).toMatchObject({ tries: { policy: policyLeft } });
  });

  test('keeps the time that has not passed', () => {
    const declared = { ...policy, scheduleToCloseTimeout: 1_500 };

    expect(after({ declared })).toMatchObject({
      tries: { policy: { scheduleToCloseTimeout: 500 } },
    });
    expect(after({ declared, elapsed: 1_500 })).toEqual({ type: 'answer' });
    // Before its last attempt it would wait for 2.5 s.
    const losses = { crash: 1, shutdown: 0 };
    expect(after({ declared, losses })).toEqual({ type: 'answer' });
  });

  test('is not scheduled again if it may not be repeated, and then the version does not matter', () => {
    const rules = vi.fn<() => LossRules>();
    for (const declared of [
      toolPolicy(false),
      toolPolicy(true, { retry: { maximumAttempts: 1 } }),
    ]) {
      const before = { losses: NO_LOSSES, earlier: undefined, elapsed: 0 };
      expect(afterLoss(declared, loss, before, { rules, random: Math.random })).toEqual({
        type: 'answer',
      });
    }
    expect(rules).not.toHaveBeenCalled();
  });

  test('is given back to the workflow at once', () => {
    expect(activityOptions(policy).retry?.nonRetryableErrorTypes).toEqual([
      'PayloadsTooLarge',
      'TemporalTimeout:Heartbeat',
      'plait.WorkerShutdown',
    ]);
  });

  const crash = { type: 'crash' } as const;
  const shutdown = { type: 'shutdown' } as const;
  test.each<[rules: LossRules, before: [number, number], loss: Partial<Loss>, next: unknown]>([
    ['by type', [0, 0], crash, { wait: 0, tries: { losses: { crash: 1, shutdown: 0 } } }],
    ['by type', [1, 0], crash, { wait: 2_500, tries: { losses: { crash: 2, shutdown: 0 } } }],
    ['by type', [1, 9], crash, { wait: 2_500, tries: { losses: { crash: 2, shutdown: 9 } } }],
    ['by type', [2, 0], crash, { why: saying('happened 3 times') }],
    ['by type', [2, 0], shutdown, { wait: 0, tries: { losses: { crash: 2, shutdown: 1 } } }],
    ['by type', [2, 8], shutdown, { wait: 0, tries: { losses: { crash: 2, shutdown: 9 } } }],
    ['by type', [0, 9], shutdown, { why: saying('happened 10 times') }],
    // Turns of earlier versions.
    ['apart', [2, 0], crash, { wait: 0, tries: { losses: { crash: 3, shutdown: 0 } } }],
    ['apart', [9, 0], crash, { wait: 0 }],
    ['apart', [0, 9], shutdown, { wait: 0 }],
    ['apart', [10, 0], crash, { type: 'answer' }],
    ['apart', [2, 8], shutdown, { type: 'answer' }],
    ['as failures', [0, 0], crash, { type: 'answer' }],
  ])('by the rules "%s" and after %j losses', (rules, [crashes, shutdowns], one, next) => {
    const losses = { crash: crashes, shutdown: shutdowns };
    expect(after({ rules, losses, loss: one })).toMatchObject(next as object);
  });
});

import { describe, expect, test } from 'vitest';
import type { Blocker } from '../../../core/calls/order.ts';
import * as texts from '../../../core/calls/texts.ts';

describe('the model reads about a call', () => {
  test('that it must do without an agent below the limit of levels', () => {
    expect(texts.tooDeepAgentText('scout')).toMatch(/^Agent scout did not run: .*limits\.depth/);
  });

  test('why its session has no name', () => {
    expect(texts.noSessionText('clerk', 'no customer')).toBe(
      'clerk did not run, because the session of this call could not be named: no customer.',
    );
  });

  test('which limit was reached, if it timed out and may be repeated', () => {
    expect(texts.timedOutText({ startToCloseTimeout: 120_000 }, true)).toBe(
      'Timed out: the call did not end within 2 minutes (startToCloseTimeout).',
    );
  });

  test('that it may have happened, if it timed out and may not be repeated', () => {
    expect(texts.timedOutText({ startToCloseTimeout: 1_500 }, false)).toBe(
      `Timed out: the call did not end within 1.5 s (startToCloseTimeout). ${texts.MAY_HAVE_HAPPENED}`,
    );
  });

  test('the limit that the tool declared, if it had no time left', () => {
    const limits = { startToCloseTimeout: 120_000, scheduleToCloseTimeout: 5_000 };
    const text = 'Timed out: the call did not end within 5 s (scheduleToCloseTimeout).';
    expect(texts.timedOutText(limits, true)).toBe(text);
    expect(texts.outOfTimeText(limits, false)).toBe(`${text} ${texts.MAY_HAVE_HAPPENED}`);
    expect(texts.timedOutText({ ...limits, startToCloseTimeout: 1_000 }, true)).toContain(
      'within 1 s (s',
    );
  });

  test('how long it waited, if no worker took it', () => {
    const waiting = { startToCloseTimeout: 120_000, scheduleToStartTimeout: 5_000 };
    expect(texts.notStartedText(waiting, false)).toBe(
      'Timed out: no worker took the call within 5 s (scheduleToStartTimeout), so it did not run.',
    );
    expect(texts.notStartedText({ ...waiting, scheduleToCloseTimeout: 3_000 }, true)).toBe(
      'Timed out: no worker took the call within 3 s (scheduleToCloseTimeout).',
    );
    expect(texts.notStartedText({ startToCloseTimeout: 1 }, true)).toContain(
      'scheduleToCloseTimeout',
    );
  });

  test('why it failed before its time was up', () => {
    expect(texts.beforeText(undefined)).toBe('');
    expect(texts.beforeText('no route')).toBe(' The attempt before it failed: no route');
  });

  test('how the loss of its worker was noticed', () => {
    expect(texts.workerLostText(500)).toBe(
      'The worker that ran the call was lost: no heartbeat for 500 ms (heartbeatTimeout).',
    );
  });

  test('that it is not tried again, if it was lost with too many workers', () => {
    expect(texts.lostTooOftenText('crash', 3)).toBe(
      'That happened 3 times, so the call itself may be the cause, and it is not tried again. Call it again only with a different input.',
    );
    expect(texts.lostTooOftenText('shutdown', 10)).toBe(
      'That happened 10 times, so the call is not tried again.',
    );
  });

  test('where its image is', () => {
    expect(texts.fileBelowText('image', 2)).toBe('[image 2 of this result: see below]');
  });

  test('how often it was tried, if more than once', () => {
    expect([0, 1, 2, 3].map(texts.afterAttempts)).toEqual([
      '',
      '',
      ' (after 2 attempts)',
      ' (after 3 attempts)',
    ]);
  });
});

describe('the model reads about a person', () => {
  test('why they denied the call, if there is a reason', () => {
    const denied = 'A person denied this call, so it did not run';

    expect(texts.deniedText('too much money')).toBe(`${denied}: too much money`);
    expect(texts.deniedText(' ')).toBe(denied);
    expect(texts.deniedText()).toBe(denied);
  });

  test('for how long they were asked, if they did not decide', () => {
    expect(texts.expiredText(7 * 86_400_000)).toBe(
      "This call needs a person's approval, and nobody decided within 7 days, so it did not run.",
    );
  });

  test('what the call ran with, if they changed the input', () => {
    expect(texts.editedText({ cents: 50 }, { ran: true })).toBe(
      'A person changed the input of this call before it ran. It ran with: {"cents":50}',
    );
  });

  test('what they changed the input to, even if the call did not run after all', () => {
    expect(texts.editedText({ cents: 50 }, { ran: false })).toBe(
      'A person changed the input of this call to: {"cents":50}',
    );
  });

  test('at most as much as the API accepts, and no half emoji', () => {
    expect(texts.fromOutsideText('no \ud83d')).toBe('no \ufffd');
    expect(texts.deniedText('x'.repeat(5_000))).toMatch(/: x{2999}…$/);
    expect(texts.editedText({ text: 'x'.repeat(5_000) }, { ran: true })).toMatch(/x…$/);
  });

  test('that the call may have happened, if they never completed it', () => {
    expect(texts.notCompletedText(3_600_000)).toBe(
      `Timed out: nobody completed this call from outside within 60 minutes. ${texts.MAY_HAVE_HAPPENED}`,
    );
  });
});

describe('the model reads about a call that did not run because of another', () => {
  const call = { id: 'toolu_01', name: 'write_file' };

  test.for<[Blocker['because'], string]>([
    [
      'failed',
      'Not executed: write_file (toolu_01) failed before it, and both touch path "/a". Deal with that first; then call this again if it is still needed.',
    ],
    [
      'timedOut',
      'Not executed: write_file (toolu_01) timed out before it, and both touch path "/a". Check what that call has done; then call this again if it is still needed.',
    ],
    [
      'denied',
      'Not executed: write_file (toolu_01) was denied before it, and both touch path "/a". Call this again only if it makes sense without that call.',
    ],
    [
      'skipped',
      'Not executed: write_file (toolu_01) was not executed before it, and both touch path "/a". If both are still needed, call that one first, and this one after it.',
    ],
    [
      'unknown',
      'Not executed: write_file (toolu_01) may or may not have taken effect before it, and both touch path "/a". Check that first; then call this again if it is still needed.',
    ],
  ])('how the other one ended, and what to do next: %s', ([because, text]) => {
    expect(texts.blockedText({ index: 0, because, key: '{"path":"/a"}' }, call)).toBe(text);
  });

  test('that the two must not overlap, if one is exclusive', () => {
    expect(texts.blockedText({ index: 0, because: 'unknown' }, call)).toBe(
      'Not executed: write_file (toolu_01) may or may not have taken effect before it, and the two must not overlap. Check that first; then call this again if it is still needed.',
    );
  });

  test.for([
    ['with all its names', '{"line":3,"path":"/a"}', 'both touch line 3, path "/a". '],
    ['as it is where it is no object', '"table"', 'both touch "table". '],
  ] as const)('the key %s', ([, key, shown]) => {
    expect(texts.blockedText({ index: 0, because: 'failed', key }, call)).toContain(shown);
  });

  test('a short text, however long the key is', () => {
    const key = JSON.stringify({ text: 'x'.repeat(10_000) });
    for (const long of [key, JSON.stringify('x'.repeat(10_000))]) {
      expect(
        texts.blockedText({ index: 0, because: 'failed', key: long }, call).length,
      ).toBeLessThan(400);
    }
  });
});

const stop = (message: string) =>
  ({ type: 'sibling failed', callId: 'toolu_01', tool: 'pay', message }) as const;

describe('the text about a sibling that failed', () => {
  test('ends with a full stop', () => {
    expect(texts.neverStartedText(stop('no money'), false)).toBe(
      'Not executed, because pay (toolu_01) failed: no money.',
    );
    expect(texts.neverStartedText(stop('No money.'), false)).toMatch(/: No money\.$/);
  });

  test('is the beginning of a long message', () => {
    const text = texts.neverStartedText(stop('x'.repeat(3_000)), false);
    expect(text).toMatch(/x…$/);
    expect(text.length).toBeLessThan(600);
  });
});

describe('a duration', () => {
  test.for([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [1_550, '1.6 s'],
    [119_999, '120 s'],
    [120_000, '2 minutes'],
    [5_400_000, '90 minutes'],
    [7_200_000, '2 hours'],
    [86_400_000, '24 hours'],
    [7 * 86_400_000, '7 days'],
    [3.25 * 86_400_000, '3.3 days'],
  ] as const)('of %i ms is written as %s', ([milliseconds, text]) => {
    expect(texts.duration(milliseconds)).toBe(text);
  });
});

describe('the sentences that workers use', () => {
  test.for([
    [texts.unknownToolText('pay'), 'There is no tool named pay.'],
    [texts.unknownToolText('pay', []), 'There is no tool named pay. Available tools: none.'],
    [
      texts.unknownToolText('pay', ['look', 'write']),
      'There is no tool named pay. Available tools: look, write.',
    ],
    [
      texts.invalidInputText('pay', 'cents: missing'),
      'The input does not match the schema of pay, so the tool did not run:\ncents: missing',
    ],
    [
      texts.inexactInputText('pay', {
        type: 'number',
        path: 'order.id',
        literal: '9100200300400500601',
      }),
      'pay did not run: order.id is 9100200300400500601, a number that cannot be passed on exactly. Send it as a text instead, in quotation marks.',
    ],
    [
      texts.inexactInputText('pay', { type: 'duplicate key', path: 'order.id' }),
      'pay did not run: order.id comes twice. Send each key once.',
    ],
    [
      texts.inputProblemText('pay', { problem: 'cents: missing' }),
      'The input does not match the schema of pay, so the tool did not run:\ncents: missing',
    ],
    [
      texts.inputProblemText('pay', { problem: 'too slow', givenUpAfter: 100 }),
      'The input could not be checked against the schema of pay within 100 ms, so the tool did not run. Send a shorter or simpler one.',
    ],
    [
      texts.notCheckedText(10_000),
      'It could not be checked within 10 s. Send a shorter or simpler one.',
    ],
    [
      texts.TOO_LARGE_TO_CHECK,
      'It is too large or too deeply nested to be checked. Send a shorter or simpler one.',
    ],
    [texts.problemList(['a', 'b'], (problem) => `- ${problem}`), '- a\n- b'],
    [texts.noActionText('computer'), 'The call of computer names no action, so nothing was done.'],
    [texts.toolGoneText('pay'), 'The tool pay is no longer available.'],
    [texts.toolMissingHereText('support', 'pay'), 'Agent support has no tool pay on this worker.'],
    [
      texts.unreadableResultText('bytes', true),
      'The call was completed by hand with a result that cannot be read (bytes).',
    ],
    [
      texts.unreadableResultText('Unknown encoding: x', false),
      'The call was completed by hand with a result that cannot be read (Unknown encoding: x). It may or may not have taken effect; check before calling it again.',
    ],
    [texts.noWorkerText('pay'), 'No worker of this task queue runs pay; the call had no effect.'],
    [texts.interruptedText(2), 'Attempt 2 began and was interrupted.'],
    [
      texts.noJsonText('a function has no JSON'),
      'The tool ran, but its result cannot be turned into JSON: a function has no JSON',
    ],
    [
      texts.cannotBeShownText('result[0] is an image without source.data'),
      'The tool ran, but what it returned cannot be shown to you: result[0] is an image without source.data.',
    ],
    [
      texts.tooLargeText(3_000_000, 2_000_000, { files: false }),
      'The tool ran, but its result of 3000000 bytes is above the limit of 2000000. Ask for less, or in parts.',
    ],
    [
      texts.tooLargeText(3_000_000, 2_000_000, { files: true }),
      'The tool ran, but its result of 3000000 bytes is above the limit of 2000000, and its images and documents are not in a storage of the worker. Ask for less, or in parts.',
    ],
    [
      texts.cutText(1_234_567, 2_000_000, texts.readRestText('toolu_1', { from: 5, to: 9 })),
      '[… 1,234,567 of 2,000,000 bytes are left out here. Read them with read_result {"id":"toolu_1","offset":5}; they end at offset 9. …]',
    ],
    [
      texts.pageText({ from: 0, to: 5, total: 9 }),
      '[Offset 0 to 5 of 9 characters. The next page begins at offset 5.]',
    ],
    [
      texts.pageText({ from: 5, to: 9, total: 9 }),
      '[Offset 5 to 9 of 9 characters. This is the end.]',
    ],
    [texts.noPageText(10, 9), '[Nothing is at offset 10: the result has 9 characters.]'],
    [
      texts.notKeptText('toolu_9'),
      'No kept result has the id "toolu_9". Only results that were cut are kept, each under the id of its call. Use the id in the notice at the place where something was left out.',
    ],
    [texts.notJsonText('unexpected end'), 'It is not valid JSON: unexpected end'],
    [texts.tooDeepText(200), 'It is nested more than 200 levels deep.'],
  ] as const)('%s', ([text, expected]) => {
    expect(text).toBe(expected);
  });

  test('list at most fifty problems', () => {
    const problems = Array.from({ length: 51 }, (_, i) => i);

    const lines = texts.problemList(problems, String).split('\n');

    expect(lines).toEqual([...problems.slice(0, 50).map(String), '… and 1 more']);
  });

  test('quote at most 2,000 characters of what is wrong with an input', () => {
    const text = texts.invalidInputText('a', 'x'.repeat(2_001));

    expect(text).toHaveLength(
      'The input does not match the schema of a, so the tool did not run:\n'.length + 2_000,
    );
    expect(text.endsWith('x…')).toBe(true);
  });
});

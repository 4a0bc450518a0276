import { describe, expect, test } from 'vitest';
import { InvalidSessionError, InvalidTurnError } from '../../client/index.ts';
import {
  attributesOfSession,
  attributesOfTurn,
  sessionArgs,
  turnArgs,
} from '../../client/start-arguments.ts';
import type { OpenSessionOptions } from '../../client/options.ts';

describe('wrong options are reported as an error of a turn, or of a session:', () => {
  test.for<[what: string, options: OpenSessionOptions, problem: RegExp]>([
    [
      'a batchTimeout that is not a duration',
      { batchTimeout: 'soon' },
      /batchTimeout must be a duration from 1 ms to 36,500 days.*; got "soon"/,
    ],
    [
      'a time that no timer has',
      { batchTimeout: '99999999999999y' },
      /batchTimeout must be a duration/,
    ],
    [
      'a limit of time without end',
      { limits: { wallTime: 1e300 } },
      /limits\.wallTime must be a dur/,
    ],
    ['a wallTime that is not a duration', { limits: { wallTime: 'a bit' } }, /limits\.wallTime/],
    ['a limit below nothing', { limits: { toolCalls: -1 } }, /toolCalls/],
    ['a policy that does not exist', { onToolFailure: 'ignore' as never }, /onToolFailure/],
  ])('%s', ([, options, problem]) => {
    expect(() => turnArgs('tester', 'go', options)).toThrow(InvalidTurnError);
    expect(() => turnArgs('tester', 'go', options)).toThrow(problem);
    expect(() => sessionArgs('tester', options)).toThrow(InvalidSessionError);
    expect(() => sessionArgs('tester', options)).toThrow(problem);
  });

  test('a user without a name', () => {
    expect(() => attributesOfTurn('tester', '')).toThrow(InvalidTurnError);
    expect(() => attributesOfSession('tester', '')).toThrow(InvalidSessionError);
  });
});

import { describe, expect, test } from 'vitest';
import { ToolError } from '../../agents/tool-error.ts';
import { causeChain } from '../../core/failures.ts';

describe('the error of a tool', () => {
  test('may be retried, after the usual wait, unless it says otherwise', () => {
    expect(new ToolError('busy')).toMatchObject({
      name: 'ToolError',
      message: 'busy',
      retryable: true,
      nextRetryDelay: undefined,
    });
  });

  test('says whether and when to try again', () => {
    expect(new ToolError('gone', { retryable: false }).retryable).toBe(false);
    expect(new ToolError('busy', { nextRetryDelay: '30s' }).nextRetryDelay).toBe('30s');
  });

  test('has a cause only if it is given one', () => {
    expect(new ToolError('busy')).not.toHaveProperty('cause');
    expect('cause' in new ToolError('busy', { cause: undefined })).toBe(true);
  });

  test('is described with its cause', () => {
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:5432');

    expect(causeChain(new ToolError('The order database is down', { cause }))).toBe(
      'The order database is down: connect ECONNREFUSED 10.0.0.7:5432',
    );
  });
});

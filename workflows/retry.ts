import type { RetryPolicy } from '@temporalio/common';

/**
 * About twelve minutes of an overloaded API, or of a storage that is away. A model call follows the API's
 * retry delay, if it has one, and stops if another attempt cannot help.
 */
export const MODEL_RETRY: RetryPolicy = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '60s',
  maximumAttempts: 18,
  nonRetryableErrorTypes: ['PayloadsTooLarge'],
};

import type { RetryPolicy } from '@temporalio/common';

/**
 * Some twelve minutes of an overloaded API, or of a storage that is away. A model call says when to try
 * again where the API says it, and ends the attempts where trying again cannot help.
 */
export const MODEL_RETRY: RetryPolicy = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '60s',
  maximumAttempts: 18,
  nonRetryableErrorTypes: ['PayloadsTooLarge'],
};

import type { ConnectionOptions } from '@temporalio/client';
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

/**
 * What a server's answer may have. gRPC takes 4 MB unless it is set otherwise, and one event of a history, or
 * the description of a wide turn, may be larger: the SDK means to allow this much as well.
 */
const ANSWER_BYTES = 128 * 1024 * 1024;

/** The options of a connection that Plait makes itself. Those of the caller win. */
export function withDefaults(options: ConnectionOptions): ConnectionOptions {
  const channelArgs = {
    'grpc.max_receive_message_length': ANSWER_BYTES,
    ...options.channelArgs,
  };
  return { interceptors: [retryWhileOpen], ...options, channelArgs };
}

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Parameters<Interceptor>[1]>;
type Status = Parameters<ReturnType<typeof defaultGrpcRetryOptions>['retryableDecider']>[1];

/**
 * The SDK's retries, which end with the connection. The SDK itself tries again on a connection that has been
 * closed meanwhile, in a timer: the error ends the process, and the request never settles.
 */
const retryWhileOpen: Interceptor = (options, nextCall) => {
  const defaults = defaultGrpcRetryOptions();
  let failure: Status | undefined;
  let isClosed = false;
  const retry = makeGrpcRetryInterceptor({
    ...defaults,
    retryableDecider(attempt, status) {
      failure = status;
      return !isClosed && !isInFlightLimit(status) && defaults.retryableDecider(attempt, status);
    },
  });
  return retry(options, (again) => {
    try {
      return nextCall(again);
    } catch (error) {
      // The sender of a first attempt catches this.
      if (failure === undefined) throw error;
      isClosed = true;
      return endedWith(failure);
    }
  });
};

/**
 * Too many Updates of one workflow, which `whileBusy` sends again. The SDK would wait for 1.7 s, 2.9 s, 4.9 s and
 * so on, while other processes take the places, and then it would seem that no worker is there.
 */
function isInFlightLimit({ details }: Status): boolean {
  return details.includes('in-flight updates');
}

/** A call that ends at once, as the attempt before it has ended. */
function endedWith(status: Status): Call {
  const ended: Pick<Call, 'start' | 'sendMessage' | 'halfClose'> = {
    start: (_, listener) => listener?.onReceiveStatus?.(status),
    sendMessage: () => undefined,
    halfClose: () => undefined,
  };
  // The retries use no other method.
  return ended as Call;
}

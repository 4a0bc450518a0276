import type { ConnectionOptions } from '@temporalio/client';

/**
 * What a server's answer may have. gRPC takes 4 MB unless it is told otherwise, and one event of a history, or
 * the description of a wide turn, may be larger: the SDK means to allow this much as well.
 */
const ANSWER_BYTES = 128 * 1024 * 1024;

/** The options of a connection that Plait makes itself. Those of the caller win. */
export function withRoom(options: ConnectionOptions): ConnectionOptions {
  const channelArgs = {
    'grpc.max_receive_message_length': ANSWER_BYTES,
    ...options.channelArgs,
  };
  return { ...options, channelArgs };
}

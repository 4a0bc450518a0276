/** What fits into one gRPC message of 4 MB, with room for its envelope. */
const MESSAGE_BYTES = 3_500_000;

/**
 * How many events to ask for at once. The server counts events and not bytes, and a page above 4 MB
 * never arrives, so a large history is read event by event. 0 leaves it to the server.
 */
export function historyPageSize(historyBytes: number | undefined): number {
  return historyBytes !== undefined && historyBytes > MESSAGE_BYTES ? 1 : 0;
}

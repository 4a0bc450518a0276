import { causeChain } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';

/** gRPC's status for, among others, a message that is larger than the client accepts. */
const RESOURCE_EXHAUSTED = 8;

/**
 * The pages of a paged answer, of at most `size` items; 0 lets the server decide. A page that is larger than
 * a message is requested again with fewer items.
 */
export async function* pagesOf<Page extends { nextPageToken?: Uint8Array | null }>(
  request: (nextPageToken: Uint8Array, size: number) => Promise<Page>,
  { size = 0, smaller }: { size?: number; smaller: number },
): AsyncGenerator<Page> {
  let nextPageToken: Uint8Array = new Uint8Array();
  for (let pageSize = size; ;) {
    const page = await request(nextPageToken, pageSize).catch((error: unknown) => {
      if (!isTooLarge(error) || pageSize === smaller) throw error;
      return undefined;
    });
    if (page === undefined) {
      pageSize = smaller;
      continue;
    }
    yield page;
    if (!page.nextPageToken?.length) return;
    ({ nextPageToken } = page as { nextPageToken: Uint8Array });
  }
}

/** By then the SDK's connections have retried several times. */
export function isTooLarge(error: unknown): boolean {
  return codeOf(error) === RESOURCE_EXHAUSTED && /larger than max/i.test(causeChain(error));
}

/** The gRPC status of an error. */
export function codeOf(error: unknown): unknown {
  return isRecord(error) ? error['code'] : undefined;
}

import { isRecord } from '../../core/json.ts';
import { blocksOf, type JsonObject } from '../messages/canonical.ts';
import { firstRejection, inOurWords, invalid, type Rejection } from './rejection.ts';

const MAX_MARKS = 4;

/**
 * Breakpoints in tools, system and messages. The automatic one at the top level counts as well.
 * https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export function cacheControlRejection(body: JsonObject): Rejection | undefined {
  const inMessages = blocksOf(body['messages']).flatMap((message) =>
    isRecord(message) ? blocksOf(message['content']) : [],
  );
  const inResults = inMessages.flatMap((block) =>
    isRecord(block) && block['type'] === 'tool_result' ? blocksOf(block['content']) : [],
  );
  // In the order in which the API reads them. The automatic one is the last.
  const before = [...blocksOf(body['tools']), ...blocksOf(body['system'])];
  const marks = [...before, ...inMessages, ...inResults, body].flatMap(markOf);
  const last = markOf(inMessages.at(-1)).at(0);
  return firstRejection([
    ...marks.map((mark) => () => shapeRejection(mark)),
    () =>
      marks.length > MAX_MARKS
        ? invalid(
            `A maximum of ${MAX_MARKS} blocks with cache_control may be provided. Found ${marks.length}.`,
          )
        : undefined,
    () => orderRejection(marks),
    () =>
      last !== undefined && markOf(body).some(({ ttl }) => (ttl ?? '5m') !== (last['ttl'] ?? '5m'))
        ? inOurWords('cache_control.ttl: must be that of the last block, which has its own')
        : undefined,
  ]);
}

function markOf(place: unknown): JsonObject[] {
  return isRecord(place) && isRecord(place['cache_control']) ? [place['cache_control']] : [];
}

/** The text leaves out the place. */
function shapeRejection({ type, ttl }: JsonObject): Rejection | undefined {
  if (type !== 'ephemeral') return invalid("cache_control.type: Input should be 'ephemeral'");
  return ttl === undefined || ttl === '5m' || ttl === '1h'
    ? undefined
    : invalid("cache_control.ephemeral.ttl: Input should be '5m' or '1h'");
}

function orderRejection(marks: readonly JsonObject[]): Rejection | undefined {
  const firstShort = marks.findIndex(({ ttl }) => ttl !== '1h');
  const late = firstShort !== -1 && marks.slice(firstShort).some(({ ttl }) => ttl === '1h');
  return late
    ? invalid(
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
      )
    : undefined;
}

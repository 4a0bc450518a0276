import type {
  CacheControlEphemeral,
  MessageCreateParamsBase,
  ToolUnion,
} from '@anthropic-ai/sdk/resources/messages';
import type { CacheSpec } from '../../core/agent-spec.ts';
import { DEFAULT_CACHE } from '../../core/agent-spec.ts';
import type { InputBlock, Message } from '../../core/conversation/messages.ts';

type Cached = Pick<MessageCreateParamsBase, 'system' | 'tools' | 'messages' | 'cache_control'>;

/**
 * The same request with breakpoints of the prompt cache, three of the four that the API allows:
 *
 * - the automatic one, behind the last block, which writes an entry for the next request,
 * - one behind the system prompt, or the last tool, which every turn of the agent can read,
 * - one where the previous request ended. From a breakpoint the API looks 20 blocks back for an entry,
 *   and a batch of ten calls with its results is longer than that.
 *
 * Thinking is not bound to breakpoints, and they are never kept. Those in the messages are left out: a
 * fifth breakpoint, or one with another time to live in the wrong place, would make every request a 400.
 * https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export function withBreakpoints<Params extends Cached>(
  params: Params,
  cache: CacheSpec = DEFAULT_CACHE,
): Params {
  if (cache === false) return { ...params, messages: newestMarks(params.messages) };
  const mark: CacheControlEphemeral =
    cache.ttl === '5m' ? { type: 'ephemeral' } : { type: 'ephemeral', ttl: cache.ttl };
  return {
    ...params,
    ...prefixMark(params, mark),
    messages: markPreviousEnd(params.messages.map(withoutMarks), mark),
    cache_control: mark,
  };
}

/**
 * The same request with an explicit breakpoint behind the last block, for platforms that do not know the
 * automatic one. A reply that the API is to continue gets none: it goes back untouched.
 */
export function withoutAutomatic<Params extends Cached>(params: Params): Params {
  const { cache_control: mark, ...rest } = params;
  if (mark === undefined || mark === null) return params;
  const last = rest.messages.length - 1;
  return {
    ...rest,
    messages: rest.messages.map((message, i) =>
      i === last && hasMarkableEnd(message) ? withMarkedEnd(message, mark) : message,
    ),
  } as unknown as Params;
}

/** Tools come before the system prompt, so one mark at its end holds for both. */
function prefixMark(
  { system, tools }: Cached,
  mark: CacheControlEphemeral,
): Pick<Cached, 'system' | 'tools'> {
  if (typeof system === 'string') {
    return { system: [{ type: 'text', text: system, cache_control: mark }] };
  }
  // The API rejects it on a tool that is loaded later.
  const last = tools?.findLastIndex((tool) => !isDeferred(tool)) ?? -1;
  if (tools === undefined || last === -1) return {};
  return {
    tools: tools.map((tool, i) => (i === last ? { ...tool, cache_control: mark } : tool)),
  };
}

function isDeferred(tool: ToolUnion): boolean {
  return 'defer_loading' in tool && tool.defer_loading;
}

/** The previous request ended before the last reply. A reply itself is sent back untouched. */
function markPreviousEnd(messages: Message[], mark: CacheControlEphemeral): Message[] {
  const reply = messages.findLastIndex(({ role }) => role === 'assistant');
  const end = messages.slice(0, Math.max(0, reply)).findLastIndex(hasMarkableEnd);
  return messages.map((message, i) => (i === end ? withMarkedEnd(message, mark) : message));
}

function hasMarkableEnd({ role, content }: Message): boolean {
  return role !== 'assistant' && content.length > 0;
}

function withMarkedEnd(message: Message, mark: CacheControlEphemeral): Message {
  const blocks: InputBlock[] =
    typeof message.content === 'string'
      ? [{ type: 'text', text: message.content }]
      : [...message.content];
  const last = blocks.length - 1;
  blocks[last] = { ...blocks[last], cache_control: mark } as InputBlock;
  return { ...message, content: blocks } as Message;
}

function withoutMarks(message: Message): Message {
  const { content } = message;
  if (typeof content === 'string' || !content.some(hasMark)) return message;
  return { ...message, content: content.map((block) => withoutMark(block)) } as Message;
}

/** The most breakpoints that one request may have. */
const MAX_MARKS = 4;

/**
 * The messages with the newest of their own breakpoints. People may have set some in each of many messages,
 * and the API takes four, none that lives an hour behind one that lives five minutes.
 */
function newestMarks(messages: Message[]): Message[] {
  let left = MAX_MARKS;
  let mayBeShort = true;
  return messages
    .toReversed()
    .map((message) => {
      const marks = marksOf(message);
      left -= marks.length;
      const misplaced = !mayBeShort && marks.some(({ ttl }) => ttl !== '1h');
      if (left < 0 || misplaced) {
        left = 0;
        return withoutMarks(message);
      }
      mayBeShort &&= !marks.some(({ ttl }) => ttl === '1h');
      return message;
    })
    .toReversed();
}

function marksOf({ content }: Message): CacheControlEphemeral[] {
  if (typeof content === 'string') return [];
  return content.flatMap((block) => [
    ...markOf(block),
    ...('content' in block && Array.isArray(block.content)
      ? block.content.flatMap((part: object) => markOf(part))
      : []),
  ]);
}

function markOf(block: object): CacheControlEphemeral[] {
  const { cache_control: mark } = block as { cache_control?: CacheControlEphemeral | null };
  return mark === undefined || mark === null ? [] : [mark];
}

function hasMark(block: object): boolean {
  if ('cache_control' in block) return true;
  return 'content' in block && Array.isArray(block.content) && block.content.some(hasMark);
}

function withoutMark<Block extends object>(block: Block): Block {
  if (!hasMark(block)) return block;
  const { cache_control: _, ...rest } = block as Block & { cache_control?: unknown };
  if (!('content' in rest) || !Array.isArray(rest.content)) return rest as unknown as Block;
  return {
    ...rest,
    content: rest.content.map((part: object) => withoutMark(part)),
  } as unknown as Block;
}

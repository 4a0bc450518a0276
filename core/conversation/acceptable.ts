import type { BetaCompactionBlockParam } from '@anthropic-ai/sdk/resources/beta/messages';
import type {
  BashCodeExecutionToolResultBlockParam,
  BrowserStateBlockParam,
  CacheControlEphemeral,
  CodeExecutionToolResultBlockParam,
  ContainerUploadBlockParam,
  DocumentBlockParam,
  ImageBlockParam,
  RedactedThinkingBlockParam,
  SearchResultBlockParam,
  ServerToolUseBlockParam,
  TextBlockParam,
  TextEditorCodeExecutionToolResultBlockParam,
  ThinkingBlockParam,
  ToolReferenceBlockParam,
  ToolResultBlockParam,
  ToolSearchToolResultBlockParam,
  ToolUseBlockParam,
  WebFetchToolResultBlockParam,
  WebSearchToolResultBlockParam,
} from '@anthropic-ai/sdk/resources/messages';
import { isRecord } from '../json.ts';
import { TOOL_USE_ID_PATTERN, TOOL_USE_NAME_PATTERN } from '../names.ts';
import type { Fields, Shape } from '../shape.ts';
import {
  anything,
  bool,
  closed,
  list,
  nullable,
  object,
  oneOf,
  optional,
  record,
  text,
  that,
} from '../shape.ts';
import type { WithExactTexts } from './exact-json.ts';
import { EXACT_FIELD, trustedTexts } from './exact-json.ts';
import { findFileProblem } from './files.ts';
import { IMAGE_TYPES, PDF_TYPE } from './file-kind.ts';
import type { InputBlock, Message, ToolUse } from './messages.ts';
import { blocksOf, toolUses } from './messages.ts';
import { isStoredData } from './stored-data.ts';

// What the API is known to reject in a conversation. It would reject every later request of that conversation
// as well, so check what people give before anything begins with it. The scripted server of testing/ has the
// same rules in the API's words, and a test compares the two.

/** https://platform.claude.com/docs/en/api/messages */
const MAX_MESSAGES = 100_000;
/** How many ids an error lists. */
const MAX_LISTED = 5;
/** https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
const MAX_MARKS = 4;

// The shapes of blocks. Each names all fields that the API accepts, and the compiler checks them against the
// SDK's types.

const MARK = object<CacheControlEphemeral>({
  type: oneOf('ephemeral'),
  ttl: optional(oneOf('5m', '1h')),
});
const marked = { cache_control: optional(nullable(MARK)) };

function block<T extends { type: string }>(
  type: T['type'],
  fields: Fields<Omit<T, 'type'>>,
): [type: string, shape: Shape<unknown>] {
  const named = { type: anything, [EXACT_FIELD]: anything, ...fields } as unknown as Fields<T>;
  const shape = closed<T>(`a ${type} block`, named);
  return [type, (value, at) => shape(value, at) ?? findExactProblem(value as object, at)];
}

/** Plait removes its own field before it asks the API, and uses it only if it has the same value. */
function findExactProblem(part: object, at: string): string | undefined {
  const given = (part as WithExactTexts)[EXACT_FIELD];
  if (given === undefined) return undefined;
  return isRecord(given) && trustedTexts(part).length === Object.keys(given).length
    ? undefined
    : `${at}.${EXACT_FIELD} differs from its block: leave it out when you change the block`;
}

const visibleText: Shape<string> = that(
  'hold a text that is not blank: the API rejects empty text',
  (value) => typeof value === 'string' && value.trim() !== '',
);
const id: Shape<string> = that(
  `match ${TOOL_USE_ID_PATTERN.source}`,
  (value) => typeof value === 'string' && TOOL_USE_ID_PATTERN.test(value),
);
const name: Shape<string> = that(
  `match ${TOOL_USE_NAME_PATTERN.source}`,
  (value) => typeof value === 'string' && TOOL_USE_NAME_PATTERN.test(value),
);

/** Whatever the SDK's type allows; only the API checks it. */
const unchecked = anything as Shape<never>;

const data: Shape<string> = (value, at) => (isStoredData(value) ? undefined : text()(value, at));

function source(kinds: Readonly<Record<string, Fields<Record<string, unknown>>>>): Shape<never> {
  const shapes = new Map(
    Object.entries(kinds).map(([type, fields]) => [
      type,
      closed<Record<string, unknown>>(`a source of type ${type}`, { type: anything, ...fields }),
    ]),
  );
  return (value, at) => {
    const shape = isRecord(value) ? shapes.get(value['type'] as string) : undefined;
    if (shape !== undefined) return shape(value, at);
    return `${at}.type must be one of ${[...shapes.keys()].join(', ')}`;
  };
}

const linked = { file: { file_id: text() }, url: { url: text() } };

const TEXT = block<TextBlockParam>('text', { ...marked, text: visibleText, citations: unchecked });
const IMAGE = block<ImageBlockParam>('image', {
  ...marked,
  source: source({ base64: { data, media_type: oneOf(...IMAGE_TYPES) }, ...linked }),
  transformations: unchecked,
});
const DOCUMENT = block<DocumentBlockParam>('document', {
  ...marked,
  source: source({
    base64: { data, media_type: oneOf(PDF_TYPE) },
    content: { content: anything },
    text: { data, media_type: oneOf('text/plain') },
    ...linked,
  }),
  citations: unchecked,
  context: unchecked,
  title: unchecked,
});
const SEARCH_RESULT = block<SearchResultBlockParam>('search_result', {
  ...marked,
  content: unchecked,
  source: unchecked,
  title: unchecked,
  citations: unchecked,
});

const RESULT_PARTS = new Map([
  TEXT,
  IMAGE,
  DOCUMENT,
  SEARCH_RESULT,
  block<ToolReferenceBlockParam>('tool_reference', { ...marked, tool_name: unchecked }),
  block<BrowserStateBlockParam>('browser_state', {
    ...marked,
    state_changes: unchecked,
    tabs: unchecked,
  }),
]);

/** The result of one of the API's own tools. */
const serverResult = { ...marked, content: unchecked, tool_use_id: unchecked };

const resultContent: Shape<never> = (value, at) =>
  Array.isArray(value) ? list(oneOfBlocks(RESULT_PARTS))(value, at) : text()(value, at);

const BLOCKS = new Map([
  TEXT,
  IMAGE,
  DOCUMENT,
  SEARCH_RESULT,
  block<ThinkingBlockParam>('thinking', { signature: text(), thinking: text() }),
  block<RedactedThinkingBlockParam>('redacted_thinking', { data: text() }),
  block<ToolUseBlockParam>('tool_use', {
    ...marked,
    id,
    name,
    input: record(anything),
    caller: unchecked,
    toolset_name: unchecked,
  }),
  block<ToolResultBlockParam>('tool_result', {
    ...marked,
    tool_use_id: id,
    content: optional(resultContent),
    is_error: optional(bool),
    toolset_name: unchecked,
  }),
  block<ServerToolUseBlockParam>('server_tool_use', {
    ...marked,
    id: text(),
    name: text() as Shape<never>,
    input: anything,
    caller: unchecked,
  }),
  block<WebSearchToolResultBlockParam>('web_search_tool_result', {
    ...serverResult,
    caller: unchecked,
  }),
  block<WebFetchToolResultBlockParam>('web_fetch_tool_result', {
    ...serverResult,
    caller: unchecked,
  }),
  block<CodeExecutionToolResultBlockParam>('code_execution_tool_result', serverResult),
  block<BashCodeExecutionToolResultBlockParam>('bash_code_execution_tool_result', serverResult),
  block<TextEditorCodeExecutionToolResultBlockParam>(
    'text_editor_code_execution_tool_result',
    serverResult,
  ),
  block<ToolSearchToolResultBlockParam>('tool_search_tool_result', serverResult),
  block<ContainerUploadBlockParam>('container_upload', { ...marked, file_id: unchecked }),
  block<BetaCompactionBlockParam>('compaction', {
    ...marked,
    content: optional(
      nullable(that<string>('not be empty', (value) => typeof value === 'string' && value !== '')),
    ),
    encrypted_content: unchecked,
    signature: unchecked,
    tool_changes: unchecked,
  }),
]);

function oneOfBlocks(shapes: ReadonlyMap<string, Shape<unknown>>): Shape<never> {
  return (value, at) => {
    if (!isRecord(value)) return `${at} must be a content block`;
    const shape = shapes.get(value['type'] as string);
    if (shape !== undefined) return shape(value, at);
    return `${at}.type must be one of ${[...shapes.keys()].join(', ')}`;
  };
}

const ALL_ROLES = new Set<unknown>(['user', 'assistant', 'system']);

const CONTENT: Shape<unknown> = (value, at) => {
  if (typeof value === 'string') return undefined;
  return Array.isArray(value) && value.every(isRecord)
    ? list(oneOfBlocks(BLOCKS))(value, at)
    : `${at} must be a text or content blocks`;
};

const MESSAGE = closed<{ role: string; content: unknown }>('a message', {
  role: that('be user, assistant or system', (value) => ALL_ROLES.has(value)),
  content: CONTENT,
});

/** The role of messages that may hold each kind of block; other kinds may be anywhere. */
const ROLES: Readonly<Record<string, Message['role']>> = {
  tool_result: 'user',
  tool_use: 'assistant',
  server_tool_use: 'assistant',
  thinking: 'assistant',
  redacted_thinking: 'assistant',
  compaction: 'assistant',
};

/**
 * Why the API would reject this conversation forever, or `undefined`. The last message must be the user's: if
 * a person has yet to speak, append what they might say.
 */
export function findConversationProblem(messages: readonly unknown[]): string | undefined {
  if (messages.length > MAX_MESSAGES) {
    return `${messages.length} messages are too many: the API accepts ${MAX_MESSAGES}`;
  }
  for (const [i, message] of messages.entries()) {
    const problem = findMessageProblem(message, `messages[${i}]`);
    if (problem !== undefined) return problem;
  }
  const checked = messages as readonly Message[];
  return (
    findPairingProblem(checked) ??
    findOrderProblem(checked) ??
    findServerCallProblem(checked) ??
    findMarkProblem(checked)
  );
}

function findMessageProblem(message: unknown, at: string): string | undefined {
  if (isRecord(message) && message['type'] === 'message' && 'stop_reason' in message) {
    return `${at} is a whole reply of the API. A message has only role and content: give { role: reply.role, content: reply.content }`;
  }
  const problem = MESSAGE(message, at);
  if (problem !== undefined) return problem;
  const { role, content } = message as Message;
  if (content.length === 0 || (typeof content === 'string' && content.trim() === '')) {
    return `${at} is empty, which the API rejects`;
  }
  for (const [j, part] of blocksOf(message as Message).entries()) {
    const misplaced = findPlaceProblem(part, role, at) ?? findContentProblem(part, role);
    if (misplaced !== undefined) {
      return misplaced.startsWith(at) ? misplaced : `${at}.content[${j}] ${misplaced}`;
    }
  }
  return undefined;
}

function findPlaceProblem(
  { type }: InputBlock,
  role: Message['role'],
  at: string,
): string | undefined {
  if (role === 'system' && type !== 'text') {
    return `${at} has the role system and a block of type ${type}; a system message can hold only text`;
  }
  if (type === 'document' && role === 'assistant') {
    return `${at} has a document, which only the user can give`;
  }
  const only = ROLES[type];
  if (only === undefined || only === role) return undefined;
  const does = type === 'tool_use' ? 'ask for' : 'give';
  return `${at} has a ${type}, which only the ${only} can ${does}`;
}

/** What a block may not contain, whatever is around it. */
function findContentProblem(part: InputBlock, role: Message['role']): string | undefined {
  if (part.type === 'text' && role === 'user' && (part.citations ?? []).length > 0) {
    return 'has citations, which only the assistant can give';
  }
  if (part.type !== 'tool_result' || part.is_error !== true) return undefined;
  const { content = '' } = part;
  if (content.length === 0) return 'is an error with no content; say what went wrong';
  return typeof content !== 'string' && content.some(({ type }) => type !== 'text')
    ? 'is an error, and an error can hold only text'
    : undefined;
}

/** Each call must be answered once, in the next message, before anything else. It cannot be done later. */
function findPairingProblem(messages: readonly Message[]): string | undefined {
  const open = new Map<string, ToolUse>();
  const asked = new Set<string>();
  for (const [i, message] of messages.entries()) {
    const blocks = blocksOf(message);
    for (const [j, part] of blocks.entries()) {
      if (part.type !== 'tool_result') continue;
      if (j > 0 && blocks[j - 1]?.type !== 'tool_result') {
        return `messages[${i}] has a tool_result after other content; results must come first`;
      }
      const call = open.get(part.tool_use_id);
      if (call === undefined) {
        return `messages[${i}] answers ${part.tool_use_id}, which the message before it does not call`;
      }
      const misfit = findToolsetProblem(part, call);
      if (misfit !== undefined) return `messages[${i}].content[${j}]${misfit}`;
      open.delete(part.tool_use_id);
    }
    if (open.size > 0) return unanswered(i - 1, open);
    for (const use of toolUses(blocks)) {
      if (asked.has(use.id)) return `messages[${i}] uses the tool_use id ${use.id} a second time`;
      asked.add(use.id);
      open.set(use.id, use);
    }
  }
  return open.size > 0 ? unanswered(messages.length - 1, open) : undefined;
}

function unanswered(index: number, calls: ReadonlyMap<string, unknown>): string {
  const ids = [...calls.keys()];
  const more = ids.length > MAX_LISTED ? ` and ${ids.length - MAX_LISTED} more` : '';
  return `messages[${index}] asks for ${ids.slice(0, MAX_LISTED).join(', ')}${more}, and the next message has no tool_result for it`;
}

const TOOLSET_PARTS = new Set(['text', 'image', 'browser_state']);

/** https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls */
function findToolsetProblem(result: ToolResultBlockParam, call: ToolUse): string | undefined {
  const { content } = result;
  const [asked, answered] = [call.toolset_name ?? null, result.toolset_name ?? null];
  if (asked !== answered) {
    return `.toolset_name must be ${JSON.stringify(asked)}, as in its call`;
  }
  const types = typeof content === 'object' ? content.map(({ type }) => type) : [];
  const states = types.filter((type) => type === 'browser_state').length;
  if (states > (asked === 'browser' ? 1 : 0)) {
    return ' may hold one browser_state, and only as the result of a browser action';
  }
  const foreign = types.find((type) => !TOOLSET_PARTS.has(type));
  return asked !== null && foreign !== undefined
    ? ` is the result of an action and holds a ${foreign}; it can hold only text and images`
    : undefined;
}

/** Where messages with the role `system` may be, and how an assistant message and the conversation may end. */
function findOrderProblem(messages: readonly Message[]): string | undefined {
  /** The last one with another role. */
  let before: Message | undefined;
  for (const [i, message] of messages.entries()) {
    if (message.role === 'user' && messages[i - 1]?.role === 'system') {
      return `messages[${i}] follows a message with the role system, which only the assistant can do`;
    }
    if (message.role === 'system' && before === undefined) {
      return `messages[${i}] has the role system and nothing before it; put it into the agent's \`system\``;
    }
    if (
      message.role === 'system' &&
      before?.role === 'assistant' &&
      !endsWithServerResult(before)
    ) {
      return `messages[${i}] has the role system and follows the assistant; it can only follow the user`;
    }
    const last = blocksOf(message).at(-1)?.type;
    if (message.role === 'assistant' && (last === 'thinking' || last === 'redacted_thinking')) {
      return `messages[${i}] ends with thinking; the API accepts thinking only before other content`;
    }
    if (message.role !== 'system') before = message;
  }
  // A system message may follow the user's: the model replies to both.
  return before?.role === 'user' ? undefined : 'the last message must be from the user';
}

function endsWithServerResult(message: Message): boolean {
  return /._tool_result$/.test(blocksOf(message).at(-1)?.type ?? '');
}

/**
 * Calls of the API's own tools, or of code in its sandbox, that nobody can continue.
 * https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
function findServerCallProblem(messages: readonly Message[]): string | undefined {
  const open = new Map<unknown, { name: string; at: number }>();
  for (const [i, message] of messages.entries()) {
    const blocks = blocksOf(message);
    for (const part of blocks) {
      if (part.type === 'server_tool_use') open.set(part.id, { name: part.name, at: i });
      if (/._tool_result$/.test(part.type))
        open.delete((part as { tool_use_id?: unknown }).tool_use_id);
    }
    const [first] = open;
    const answersOnly = blocks.length > 0 && blocks.every(({ type }) => type === 'tool_result');
    if (first !== undefined && message.role === 'user' && !answersOnly) {
      const [callId, { name: tool, at }] = first;
      return `messages[${at}] has the call ${String(callId)} of ${tool} without its result, which only the API could give: leave the call out`;
    }
  }
  const lastCalls = messages.findLast(({ role }) => role === 'assistant');
  const byCode = toolUses(lastCalls === undefined ? [] : blocksOf(lastCalls)).find(
    ({ caller }) => isRecord(caller) && caller['type'] !== 'direct',
  );
  return byCode === undefined
    ? undefined
    : `the call ${byCode.id} was made by code in a sandbox of the API, which no longer waits for it: leave out the call and its result`;
}

function findMarkProblem(messages: readonly Message[]): string | undefined {
  const blocks = messages.flatMap(blocksOf);
  const parts = blocks.flatMap((part) =>
    part.type === 'tool_result' && typeof part.content === 'object' ? part.content : [],
  );
  const marks = [...marksOf(blocks), ...marksOf(parts)];
  if (marks.length > MAX_MARKS) {
    return `messages has ${marks.length} blocks with cache_control, and the API accepts ${MAX_MARKS}; leave them out: Plait sets them`;
  }
  const short = marks.findIndex(({ ttl }) => ttl !== '1h');
  return short !== -1 && marks.slice(short).some(({ ttl }) => ttl === '1h')
    ? 'messages has a cache_control of 1h after one of 5m, which the API rejects; leave them out: Plait sets them'
    : undefined;
}

type Marked = { cache_control?: CacheControlEphemeral | null };

function marksOf(blocks: readonly object[]): CacheControlEphemeral[] {
  return (blocks as readonly Marked[]).flatMap(({ cache_control: mark }) => mark ?? []);
}

/**
 * Why the API would reject the messages or blocks that a person gives for one of their files. Elsewhere the
 * model's own messages are not checked; here a person claims that the model has said them.
 */
export function findGivenFileProblem(given: unknown, path: string): string | undefined {
  const problem = findFileProblem(given, path);
  if (problem !== undefined || !areMessages(given)) return problem;
  for (const [i, { role, content }] of given.entries()) {
    const said = role === 'assistant' ? content : undefined;
    const spoilt = findFileProblem(said, `${path}[${i}].content`);
    if (spoilt !== undefined) return spoilt;
  }
  return undefined;
}

/**
 * Whether a list looks like messages, so that their blocks can be walked; other mistakes are found later. It
 * may contain blank texts, which are left out later.
 */
export function areMessages(given: unknown): given is Message[] {
  return (
    Array.isArray(given) &&
    withoutBlankTexts(given as Message[]).every(
      (one) => isRecord(one) && CONTENT(one['content'], '') === undefined,
    )
  );
}

/**
 * The conversation without blank texts beside other blocks of the assistant: the API sends such texts, but
 * does not accept them. The same list if there are none.
 */
export function withoutBlankTexts(messages: readonly Message[]): readonly Message[] {
  const mended = messages.map(withoutBlank);
  return mended.every((message, i) => message === messages[i]) ? messages : mended;
}

function withoutBlank(message: Message): Message {
  if (!isRecord(message)) return message;
  const { role, content } = message as { role?: unknown; content?: unknown };
  if (role !== 'assistant' || !Array.isArray(content)) return message;
  const kept = content.filter((part: unknown) => !isBlankText(part));
  if (kept.length === content.length || kept.length === 0) return message;
  return { ...message, content: kept };
}

function isBlankText(part: unknown): boolean {
  if (!isRecord(part) || part['type'] !== 'text') return false;
  const { text: words } = part;
  return typeof words === 'string' && words.trim() === '';
}

import type {
  AssistantMessageParam,
  BashCodeExecutionToolResultBlockParam,
  BrowserStateBlockParam,
  CodeExecutionToolResultBlockParam,
  ContainerUploadBlockParam,
  ContentBlockParam,
  DocumentBlockParam,
  ImageBlockParam,
  JSONOutputFormat,
  MessageCountTokensParams,
  MessageCreateParamsBase,
  OutputConfig,
  RedactedThinkingBlockParam,
  SearchResultBlockParam,
  ServerToolUseBlockParam,
  TextBlockParam,
  TextEditorCodeExecutionToolResultBlockParam,
  ThinkingBlockParam,
  Tool,
  ToolReferenceBlockParam,
  ToolResultBlockParam,
  ToolSearchToolResultBlockParam,
  ToolUseBlockParam,
  WebFetchToolResultBlockParam,
  WebSearchToolResultBlockParam,
} from '@anthropic-ai/sdk/resources/messages';
import type { JsonObject } from '../messages/canonical.ts';
import { invalid, type Rejection } from './rejection.ts';

/** Complete by type: when a new SDK has a key that this list does not, it no longer compiles. */
type Keys<T> = Readonly<Record<keyof T, true>>;

// `user_profile_id` and `workspace_id` are headers on the wire.
export const CREATE_KEYS: Keys<Omit<MessageCreateParamsBase, 'user_profile_id' | 'workspace_id'>> =
  {
    cache_control: true,
    container: true,
    diagnostics: true,
    inference_geo: true,
    max_tokens: true,
    messages: true,
    metadata: true,
    model: true,
    output_config: true,
    service_tier: true,
    speed: true,
    stop_sequences: true,
    stream: true,
    system: true,
    thinking: true,
    tool_choice: true,
    tools: true,
  };

export const COUNT_KEYS: Keys<Omit<MessageCountTokensParams, 'user_profile_id' | 'workspace_id'>> =
  {
    cache_control: true,
    messages: true,
    model: true,
    output_config: true,
    speed: true,
    system: true,
    thinking: true,
    tool_choice: true,
    tools: true,
  };

export const OUTPUT_CONFIG_KEYS: Keys<OutputConfig> = { effort: true, format: true };

export const OUTPUT_FORMAT_KEYS: Keys<JSONOutputFormat> = { schema: true, type: true };

export const MESSAGE_KEYS: Keys<AssistantMessageParam> = { content: true, role: true };

export const TOOL_KEYS: Keys<Tool> = {
  allowed_callers: true,
  cache_control: true,
  defer_loading: true,
  description: true,
  eager_input_streaming: true,
  input_examples: true,
  input_schema: true,
  name: true,
  strict: true,
  type: true,
};

const marked = { type: true, cache_control: true } as const;
const serverResult = { ...marked, content: true, tool_use_id: true } as const;

const text: Keys<TextBlockParam> = { ...marked, text: true, citations: true };
const image: Keys<ImageBlockParam> = { ...marked, source: true, transformations: true };
const document: Keys<DocumentBlockParam> = {
  ...marked,
  source: true,
  citations: true,
  context: true,
  title: true,
};
const searchResult: Keys<SearchResultBlockParam> = {
  ...marked,
  content: true,
  source: true,
  title: true,
  citations: true,
};
const thinking: Keys<ThinkingBlockParam> = { type: true, signature: true, thinking: true };
const redactedThinking: Keys<RedactedThinkingBlockParam> = { type: true, data: true };
const toolUse: Keys<ToolUseBlockParam> = {
  ...marked,
  id: true,
  input: true,
  name: true,
  caller: true,
  toolset_name: true,
};
const toolResult: Keys<ToolResultBlockParam> = {
  ...marked,
  tool_use_id: true,
  content: true,
  is_error: true,
  toolset_name: true,
};
const serverToolUse: Keys<ServerToolUseBlockParam> = {
  ...marked,
  id: true,
  input: true,
  name: true,
  caller: true,
};
const containerUpload: Keys<ContainerUploadBlockParam> = { ...marked, file_id: true };
const browserState: Keys<BrowserStateBlockParam> = {
  ...marked,
  state_changes: true,
  tabs: true,
};
const toolReference: Keys<ToolReferenceBlockParam> = { ...marked, tool_name: true };
const webSearchResult: Keys<WebSearchToolResultBlockParam> = { ...serverResult, caller: true };
const webFetchResult: Keys<WebFetchToolResultBlockParam> = { ...serverResult, caller: true };
const codeResult: Keys<CodeExecutionToolResultBlockParam> = serverResult;
const bashResult: Keys<BashCodeExecutionToolResultBlockParam> = serverResult;
const editorResult: Keys<TextEditorCodeExecutionToolResultBlockParam> = serverResult;
const toolSearchResult: Keys<ToolSearchToolResultBlockParam> = serverResult;

const CONTENT_BLOCKS: Readonly<Record<ContentBlockParam['type'], JsonObject>> = {
  text,
  image,
  document,
  search_result: searchResult,
  thinking,
  redacted_thinking: redactedThinking,
  tool_use: toolUse,
  tool_result: toolResult,
  server_tool_use: serverToolUse,
  web_search_tool_result: webSearchResult,
  web_fetch_tool_result: webFetchResult,
  code_execution_tool_result: codeResult,
  bash_code_execution_tool_result: bashResult,
  text_editor_code_execution_tool_result: editorResult,
  tool_search_tool_result: toolSearchResult,
  container_upload: containerUpload,
};

/** The keys of each kind of block in a message. */
export const BLOCK_KEYS: ReadonlyMap<string, JsonObject> = new Map(Object.entries(CONTENT_BLOCKS));

type ResultPart = Exclude<ToolResultBlockParam['content'], string | undefined>[number];

const RESULT_PARTS: Readonly<Record<ResultPart['type'], JsonObject>> = {
  text,
  image,
  document,
  search_result: searchResult,
  tool_reference: toolReference,
  browser_state: browserState,
};

/** The keys of each kind of block inside a tool result. */
export const RESULT_PART_KEYS: ReadonlyMap<string, JsonObject> = new Map(
  Object.entries(RESULT_PARTS),
);

/** Rejects the first unknown key. */
export function unknownKey(
  value: JsonObject,
  known: JsonObject,
  path: string,
): Rejection | undefined {
  const extra = Object.keys(value).find((key) => !Object.hasOwn(known, key));
  return extra === undefined
    ? undefined
    : invalid(`${path === '' ? '' : `${path}.`}${extra}: Extra inputs are not permitted`);
}

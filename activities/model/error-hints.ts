/** What is known of a failed request. */
interface FailedRequest {
  status?: number | undefined;
  /** The API's error type, also where a stream broke off. */
  type: string;
  errorCode: string | null;
}

const SPEND_LIMIT =
  'A spend limit is reached: raise it in the Claude Console, or wait until it resets.';
const TOO_FAST =
  'Ask less often: give the agent a `modelTaskQueue`, and its workers a `maxModelCallsPerSecond`.';

/** What a person can do, by the error's code. */
const BY_CODE = new Map([
  ['enforced_spend_limit_reached', SPEND_LIMIT],
  ['linked_organization_spend_limit_reached', SPEND_LIMIT],
  ['contract_spend_limit_reached', 'The contract has a spend limit: ask Anthropic to raise it.'],
  ['ramp_limit_exceeded', TOO_FAST],
  ['tool_name_conflict', 'Rename one of the `tools` or `serverTools` of the agent.'],
  ['tool_reference_unresolved', 'A tool result names a tool that the agent does not have.'],
  ['image_dimensions_too_large', 'Scale images down before they are given to the model.'],
]);

/** By the API's words, where there is no code. They may change, so only the hint depends on them. */
const BY_WORDS: readonly [words: RegExp, hint: string][] = [
  [
    /^prompt is too long/i,
    'The conversation is longer than the model can read: give the agent `compaction`, lower `maxResultBytes` of its tools, or begin a new conversation.',
  ],
  [/^max_tokens: \d+ > \d+/, 'Lower `maxTokens` or `maxTokensRetry` of the agent.'],
  [/credit balance is too low/i, 'Buy credits in the Claude Console.'],
  [/usage limits|spend limit/i, SPEND_LIMIT],
];

const KEY = 'Check ANTHROPIC_API_KEY where the worker runs.';
const BILLING = 'Check the billing of the Anthropic account.';
const PERMISSION = 'The API key is not allowed to do this.';
const MODEL = "Check the agent's model.";
const SIZE =
  'A request may have at most 32 MB: give large files by URL or through the Files API, lower `maxResultBytes` of the tools, or begin a new conversation.';

/** By the status, or by the error's type: a stream that broke off has no status. */
const BY_KIND = new Map<number | string, string>([
  [401, KEY],
  ['authentication_error', KEY],
  [402, BILLING],
  ['billing_error', BILLING],
  [403, PERMISSION],
  ['permission_error', PERMISSION],
  [404, MODEL],
  ['not_found_error', MODEL],
  [413, SIZE],
  ['request_too_large', SIZE],
  [429, TOO_FAST],
  ['rate_limit_error', TOO_FAST],
  [431, 'The headers are too large: look at `defaultHeaders` of the `anthropic` client.'],
]);

/** What a person can do about a failed request, where there is something. */
export function hintFor(
  { status, type, errorCode }: FailedRequest,
  said: string,
): string | undefined {
  const byCode = errorCode === null ? undefined : BY_CODE.get(errorCode);
  if (byCode !== undefined) return byCode;
  if (isThreadCode(errorCode)) {
    return 'Plait sends no `thread`: look for what adds one, such as a middleware of the `anthropic` client.';
  }
  const byWords = BY_WORDS.find(([words]) => words.test(said))?.[1];
  return byWords ?? BY_KIND.get(status ?? type);
}

/** Whether the error is about a `thread` of the API: the request must be changed. */
export function isThreadCode(errorCode: string | null): boolean {
  return errorCode?.startsWith('thread_') === true;
}

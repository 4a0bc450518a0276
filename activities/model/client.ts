import type { ClientOptions } from '@anthropic-ai/sdk';
import Anthropic from '@anthropic-ai/sdk';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { Traces } from '../../core/trace/traces.ts';
import type { Secrets } from './secrets.ts';
import { redactLog } from './secrets.ts';

/**
 * The part of a client that Plait uses. All clients of the Anthropic SDK's family have it. `Anthropic` itself,
 * `AnthropicBedrock`, `AnthropicBedrockMantle`, `AnthropicVertex`, `AnthropicFoundry`, `AnthropicAws`.
 */
export interface ModelClient {
  readonly messages: Pick<Anthropic['messages'], 'create'>;
  readonly beta: { readonly messages: Pick<Anthropic['beta']['messages'], 'create'> };
  readonly baseURL?: string;
  /** A fixed key; `null` where each request gets its credentials from elsewhere. */
  readonly apiKey?: string | null;
  readonly authToken?: string | null;
}

/**
 * The client that a worker asks with. Throws a `DeclarationError` for a URL with a password in it.
 *
 * @param traces where its spans are recorded. @default the SDK writes them itself
 */
export function modelClient(
  given: ModelClient | ClientOptions | undefined,
  secrets: Secrets,
  traces?: Traces,
): () => ModelClient {
  rejectPassword(given);
  const recorded = (client: ModelClient) => traces?.recorded(client) ?? client;
  if (given !== undefined && 'messages' in given) {
    rememberFields(given, secrets);
    const client = recorded(given);
    return () => client;
  }
  // Created with the first request, so that a worker without a key starts, and its turns say what is missing.
  let client: ModelClient | undefined;
  return () => (client ??= recorded(makeClient(given, secrets)));
}

function makeClient(given: ClientOptions = {}, secrets: Secrets): Anthropic {
  const { apiKey, logger = console } = given;
  const client = new Anthropic({
    ...given,
    ...(typeof apiKey === 'function' ? { apiKey: remembered(apiKey, secrets) } : {}),
    logger: redactLog(logger, secrets),
    maxRetries: 0,
  });
  rememberFields(client, secrets);
  return client;
}

/** Remembers a key before it is sent: the error for a key that cannot be a header repeats it. */
function remembered(provider: () => Promise<string>, secrets: Secrets): () => Promise<string> {
  return async () => {
    const key = await provider();
    if (typeof key === 'string') secrets.add(key);
    return key;
  };
}

/** The clients keep their credentials in fields such as `apiKey` and `awsSecretKey`. */
function rememberFields(client: ModelClient, secrets: Secrets): void {
  for (const [name, value] of Object.entries(client)) {
    if (typeof value === 'string' && /key|token/i.test(name)) secrets.add(value);
  }
}

/**
 * `fetch` rejects such a URL with a text that repeats it, and the SDK writes URLs into its log. This error
 * does not repeat it.
 */
function rejectPassword(given: ModelClient | ClientOptions | undefined): void {
  const fromEnvironment = given?.baseURL === undefined;
  const baseURL = fromEnvironment ? process.env['ANTHROPIC_BASE_URL'] : given.baseURL;
  if (typeof baseURL !== 'string' || !URL.canParse(baseURL)) return;
  const { username, password } = new URL(baseURL);
  if (username === '' && password === '') return;
  throw new DeclarationError(
    `${fromEnvironment ? 'ANTHROPIC_BASE_URL' : 'anthropic.baseURL'} has a user name or a password in it, and fetch rejects such a URL. Send them as a header: defaultHeaders: { Authorization: 'Basic …' }, or ANTHROPIC_CUSTOM_HEADERS`,
  );
}

import Anthropic from '@anthropic-ai/sdk';
import type { ClientOptions } from '@anthropic-ai/sdk';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { Secrets } from './secrets.ts';
import { redactLog } from './secrets.ts';

/**
 * What is used of a client: every one of the Anthropic SDK's family has it. `Anthropic` itself,
 * `AnthropicBedrock`, `AnthropicBedrockMantle`, `AnthropicVertex`, `AnthropicFoundry`, `AnthropicAws`.
 */
export interface ModelClient {
  readonly messages: Pick<Anthropic['messages'], 'create'>;
  readonly beta: { readonly messages: Pick<Anthropic['beta']['messages'], 'create'> };
  readonly baseURL?: string;
  /** A key that never changes; `null` where each request gets its credentials from elsewhere. */
  readonly apiKey?: string | null;
  readonly authToken?: string | null;
}

/** The client that a worker asks with. Throws a `DeclarationError` for a URL with a password in it. */
export function modelClient(
  given: ModelClient | ClientOptions | undefined,
  secrets: Secrets,
): () => ModelClient {
  refusePassword(given);
  if (given !== undefined && 'messages' in given) {
    rememberFields(given, secrets);
    return () => given;
  }
  // Made with the first request, so that a worker without a key starts and its turns say so.
  let client: ModelClient | undefined;
  return () => (client ??= makeClient(given, secrets));
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

/** Known before it is sent: a key that cannot be a header stands in the text that says so. */
function remembered(provider: () => Promise<string>, secrets: Secrets): () => Promise<string> {
  return async () => {
    const key = await provider();
    if (typeof key === 'string') secrets.add(key);
    return key;
  };
}

/** The clients of the family keep what they were given in fields such as `apiKey` and `awsSecretKey`. */
function rememberFields(client: ModelClient, secrets: Secrets): void {
  for (const [name, value] of Object.entries(client)) {
    if (typeof value === 'string' && /key|token/i.test(name)) secrets.add(value);
  }
}

/**
 * `fetch` refuses such a URL with a text that repeats it, and the SDK writes URLs into its log. Not
 * repeated here.
 */
function refusePassword(given: ModelClient | ClientOptions | undefined): void {
  const fromEnvironment = given?.baseURL === undefined;
  const baseURL = fromEnvironment ? process.env['ANTHROPIC_BASE_URL'] : given.baseURL;
  if (typeof baseURL !== 'string' || !URL.canParse(baseURL)) return;
  const { username, password } = new URL(baseURL);
  if (username === '' && password === '') return;
  throw new DeclarationError(
    `${fromEnvironment ? 'ANTHROPIC_BASE_URL' : 'anthropic.baseURL'} has a user name or a password in it, which fetch refuses. Send them as a header: defaultHeaders: { Authorization: 'Basic …' }, or ANTHROPIC_CUSTOM_HEADERS`,
  );
}

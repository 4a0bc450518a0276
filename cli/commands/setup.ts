import type { Client } from '@temporalio/client';
import type { Registered } from '../../client/register-search-attributes.ts';
import {
  registerSearchAttributes,
  SearchAttributeTypeError,
  untilKnown,
} from '../../client/register-search-attributes.ts';
import { causeChain } from '../../core/failures.ts';
import { isRecord } from '../../core/json.ts';
import { SEARCH_ATTRIBUTES } from '../../core/search-attributes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import { say, sayAside } from '../say.ts';
import type { TemporalTarget } from '../temporal-target.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';

/** A server reads its namespaces again every few seconds. */
const KNOWN_MS = 30_000;

/** `plait setup`: registers the missing search attributes, and prints the state of each. */
export async function setupCommand(): Promise<ExitCode> {
  const target = configuredTarget();
  const client = await connectTo(target);
  try {
    const { address, namespace } = target;
    const registered = await register(client, target);
    say(`Search attributes of namespace ${namespace} at ${address}:`);
    const width = Math.max(...Object.keys(registered).map((name) => name.length));
    for (const [name, what] of Object.entries(registered)) {
      say(`  ${name.padEnd(width)}  ${SEARCH_ATTRIBUTES[name]}  ${MEANINGS[what]}`);
    }
    if (Object.values(registered).includes('registered')) await waitUntilKnown(client);
    return EXIT_CODES.ok;
  } finally {
    await client.connection.close();
  }
}

const MEANINGS: Record<Registered[string], string> = {
  registered: 'registered',
  existed: 'already exists',
};

async function register(client: Client, target: TemporalTarget): Promise<Registered> {
  try {
    const { connection } = client;
    return await registerSearchAttributes(connection, target.namespace, SEARCH_ATTRIBUTES);
  } catch (error) {
    throw new CliError(EXIT_CODES.rejected, whatIsWrong(error, target), { cause: error });
  }
}

async function waitUntilKnown({ connection, options }: Client): Promise<void> {
  const names = Object.keys(SEARCH_ATTRIBUTES);
  if (await untilKnown(connection, options.namespace, names, KNOWN_MS)) return;
  sayAside(
    'The server does not use the new search attributes yet. You cannot find turns by them that start before it does.',
  );
}

// gRPC: status codes.
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;
const UNAUTHENTICATED = 16;

/** What the server says, and what to do. Turns also run without the search attributes. */
export function whatIsWrong(
  error: unknown,
  { address, namespace }: Pick<TemporalTarget, 'address' | 'namespace'>,
): string {
  if (error instanceof SearchAttributeTypeError) {
    const { attribute, message } = error;
    return `${message} Nothing was registered. If nothing else uses it, remove it and run this command again: temporal operator search-attribute remove --name ${attribute} -n ${namespace} --address ${address}`;
  }
  const code = isRecord(error) ? error['code'] : undefined;
  const said = causeChain(error);
  if (isCloud(address) || code === UNIMPLEMENTED) {
    const names = Object.entries(SEARCH_ATTRIBUTES).map(
      ([name, type]) => ` --search-attribute "${name}=${type}"`,
    );
    return `The Temporal server at ${address} does not let a client register search attributes (${said}). In Temporal Cloud, an administrator of the namespace registers them: tcld namespace search-attributes add --namespace ${namespace}${names.join('')}`;
  }
  if (code === PERMISSION_DENIED || code === UNAUTHENTICATED) {
    return `These credentials may not register search attributes in namespace ${namespace} at ${address} (${said}). Run this command with the credentials of an administrator of the namespace.`;
  }
  if (code === INVALID_ARGUMENT && said.includes('cannot have more than')) {
    return `Namespace ${namespace} at ${address} has no room for Plait's search attributes (${said}). A visibility store in SQL allows only that many of each type. Nothing was registered. Remove one that is not needed (temporal operator search-attribute list, and remove), or use another namespace.`;
  }
  return `The Temporal server at ${address} did not register the search attributes of namespace ${namespace}: ${said}`;
}

function isCloud(address: string): boolean {
  return /\.(tmprl\.cloud|api\.temporal\.io)(:\d+)?$/.test(address);
}

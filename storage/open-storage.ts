import { fileURLToPath } from 'node:url';
import { defined } from '../core/json.ts';
import { directoryStorage } from './directory.ts';
import { InvalidStorageError } from './errors.ts';
import type { PlaitStorage } from './plait-storage.ts';
import { postgresStorage } from './postgres.ts';
import { s3Storage } from './s3.ts';
import { authorityOf, unambiguousUrl } from './url.ts';

const KINDS = 'a directory, postgres://user@host/database or s3://bucket/prefix';

/**
 * The storage that a setting describes: a directory, `postgres://user@host:5432/database`, or
 * `s3://bucket/prefix`. Nothing is opened until it is used.
 *
 * PostgreSQL takes `?table=` and `?schema=` besides its own parameters. What the URL leaves out, such as
 * the password, comes from PGPASSWORD and the other PG variables. S3 takes `?region=`, `?endpoint=` and
 * `?pathStyle=`, which is `true` by default with an endpoint, and finds credentials as the AWS SDK does.
 *
 * Throws an `InvalidStorageError` for anything else.
 */
export function openStorage(setting: string): PlaitStorage {
  // The error must not repeat the setting, which may hold a password.
  if (typeof setting !== 'string') {
    throw new InvalidStorageError(`The storage setting must be a text. Give ${KINDS}.`);
  }
  const scheme = /^([a-z][a-z0-9+.-]+):(\/\/)?/i.exec(setting);
  if (scheme === null) {
    if (setting.trim() === '') {
      throw new InvalidStorageError(`The storage setting is empty. Give ${KINDS}.`);
    }
    // A quoted URL, a URL after a space, or settings of libpq: as a directory name they would be printed.
    if (/:\/\/|\bpassword\s*=/i.test(setting)) {
      throw new InvalidStorageError(
        `The storage setting is neither a directory nor a URL that can be read. Give ${KINDS}, without quotes and spaces.`,
      );
    }
    return directoryStorage(setting);
  }
  const [, name = '', slashes = ''] = scheme;
  switch (name.toLowerCase()) {
    case 'file':
      return directoryStorage(fileURLToPath(parsed(setting, name, slashes)));
    case 'postgres':
    case 'postgresql':
      return openPostgres(parsed(setting, name, slashes, unambiguousUrl));
    case 's3':
      return openS3(parsed(setting, name, slashes, urlWithoutCredentials));
    default:
      throw new InvalidStorageError(
        `The storage setting begins with ${name}:, which is not a kind of storage. Give ${KINDS}.`,
      );
  }
}

function parsed(
  setting: string,
  scheme: string,
  slashes: string,
  parse = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined),
): URL {
  const url = slashes === '' ? undefined : parse(setting);
  if (url !== undefined) return url;
  // The error must not repeat the setting, which may hold a password.
  throw new InvalidStorageError(
    `The storage setting begins with ${scheme}: but is not a URL. Give ${KINDS}, with special characters escaped (@ as %40, / as %2F, # as %23, ? as %3F).`,
  );
}

/** A bucket has no port, so a colon means that a secret follows. */
function urlWithoutCredentials(setting: string): URL | undefined {
  if (/[@:]/.test(authorityOf(setting))) {
    throw new InvalidStorageError(
      'The s3: URL of the storage must not hold credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile.',
    );
  }
  return URL.canParse(setting) ? new URL(setting) : undefined;
}

function openPostgres(url: URL): PlaitStorage {
  const table = takeParameter(url, 'table');
  const schema = takeParameter(url, 'schema');
  return postgresStorage({
    connectionString: url.href,
    ...defined({ table, schema }),
  });
}

function openS3(url: URL): PlaitStorage {
  const region = takeParameter(url, 'region');
  const endpoint = takeParameter(url, 'endpoint');
  const pathStyle = takeParameter(url, 'pathStyle');
  const [unknown] = url.searchParams.keys();
  if (unknown !== undefined) {
    throw new InvalidStorageError(
      `The s3: URL of the storage has the unknown parameter ${unknown}; known parameters: region, endpoint, pathStyle.`,
    );
  }
  if (endpoint !== undefined && !/^https?:\/\//.test(endpoint)) {
    throw new InvalidStorageError(
      `The endpoint of the storage must be a URL, such as https://minio.example.com${endpoint.includes('@') ? '' : `; got ${JSON.stringify(endpoint)}`}.`,
    );
  }
  const prefix = decodeURIComponent(url.pathname).replaceAll(/^\/+|\/+$/g, '');
  return s3Storage({
    bucket: url.hostname,
    prefix,
    ...defined({
      region,
      endpoint,
      pathStyle: pathStyle === undefined ? undefined : pathStyle === 'true',
    }),
  });
}

/** Removes one of Plait's parameters from the URL: the database must not see it. */
function takeParameter(url: URL, parameter: string): string | undefined {
  const value = url.searchParams.get(parameter) ?? undefined;
  url.searchParams.delete(parameter);
  return value;
}

import { defined } from '../core/json.ts';
import { fileURLToPath } from 'node:url';
import { directoryStorage } from './directory.ts';
import { InvalidStorageError } from './errors.ts';
import type { PlaitStorage } from './plait-storage.ts';
import { postgresStorage } from './postgres.ts';
import { s3Storage } from './s3.ts';

const KINDS = 'a directory, postgres://user@host/database or s3://bucket/prefix';

/**
 * The storage that a setting names: a directory, `postgres://user@host:5432/database`, or
 * `s3://bucket/prefix`. It is not asked for anything yet.
 *
 * PostgreSQL takes `?table=` and `?schema=` besides its own parameters, and what is left out, such as
 * the password, from PGPASSWORD and its like. S3 takes `?region=`, `?endpoint=` and `?pathStyle=true`, and
 * finds credentials as the AWS SDK does.
 *
 * Throws an `InvalidStorageError` for anything else.
 */
export function openStorage(setting: string): PlaitStorage {
  const scheme = /^([a-z][a-z0-9+.-]+):(\/\/)?/i.exec(setting);
  if (scheme === null) {
    if (setting.trim() === '')
      throw new InvalidStorageError(`The storage is empty: give ${KINDS}.`);
    return directoryStorage(setting);
  }
  const [, name = '', slashes = ''] = scheme;
  switch (name.toLowerCase()) {
    case 'file':
      return directoryStorage(fileURLToPath(parsed(setting, name, slashes)));
    case 'postgres':
    case 'postgresql':
      return openPostgres(parsed(setting, name, slashes));
    case 's3':
      return openS3(parsed(setting, name, slashes));
    default:
      throw new InvalidStorageError(`There is no storage of the kind ${name}: — give ${KINDS}.`);
  }
}

function parsed(setting: string, scheme: string, slashes: string): URL {
  if (slashes !== '' && URL.canParse(setting)) return new URL(setting);
  // Not repeated here: it may hold a password.
  throw new InvalidStorageError(
    `The storage begins with ${scheme}: and is no URL. Give ${KINDS}, with special characters escaped (@ as %40).`,
  );
}

function openPostgres(url: URL): PlaitStorage {
  const table = taken(url, 'table');
  const schema = taken(url, 'schema');
  return postgresStorage({
    connectionString: url.href,
    ...defined({ table, schema }),
  });
}

function openS3(url: URL): PlaitStorage {
  if (url.username !== '' || url.password !== '') {
    throw new InvalidStorageError(
      'The storage has credentials in its s3: URL. Put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile.',
    );
  }
  const region = taken(url, 'region');
  const endpoint = taken(url, 'endpoint');
  const pathStyle = taken(url, 'pathStyle');
  const [unknown] = url.searchParams.keys();
  if (unknown !== undefined) {
    throw new InvalidStorageError(
      `The s3: URL of the storage has an unknown parameter, ${unknown}; there are region, endpoint and pathStyle.`,
    );
  }
  if (endpoint !== undefined && !/^https?:\/\//.test(endpoint)) {
    throw new InvalidStorageError(
      `The endpoint of the storage must be a URL, such as https://minio.example.com, and is ${JSON.stringify(endpoint)}.`,
    );
  }
  const prefix = decodeURIComponent(url.pathname).replaceAll(/^\/+|\/+$/g, '');
  return s3Storage({
    bucket: url.hostname,
    ...(prefix === '' ? {} : { prefix }),
    ...defined({ region, endpoint }),
    ...(pathStyle === undefined ? {} : { pathStyle: pathStyle === 'true' }),
  });
}

/** A parameter of ours, which the database must not see. */
function taken(url: URL, parameter: string): string | undefined {
  const value = url.searchParams.get(parameter) ?? undefined;
  url.searchParams.delete(parameter);
  return value;
}

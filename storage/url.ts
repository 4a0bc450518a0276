/**
 * A URL as its writer means it, or `undefined`. A character that should have been escaped in a password ends
 * the place of the password early: what follows would be taken for a host or a path, tried, and printed.
 */
export function unambiguousUrl(text: string): URL | undefined {
  if (!URL.canParse(text) || text.includes('#')) return undefined;
  const url = new URL(text);
  // The password ends at an @, so one behind the authority is the end of a password that was cut off.
  return textAfterAuthority(text).includes('@') || !canDecode(url) ? undefined : url;
}

/** Where a connection string leads, without its password; `undefined` where it is not a URL of PostgreSQL. */
export function postgresLocation(connectionString: string | undefined): string | undefined {
  if (connectionString === undefined) return 'postgres://';
  const isPostgres = /^(postgres|postgresql|socket):\//i.test(connectionString);
  const url = isPostgres ? unambiguousUrl(connectionString) : undefined;
  return url === undefined ? undefined : locationOf(url);
}

/** It must not repeat the string, which may hold a password. */
export const NOT_POSTGRES =
  'The connection string of PostgreSQL is not a URL. Write postgres://user@host:5432/database, escape special characters (@ as %40, / as %2F, # as %23, ? as %3F), or put the password into PGPASSWORD.';

/** Without the password. */
export function locationOf({ protocol, username, host, pathname }: URL): string {
  return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`;
}

/** What stands between `//` and the path. */
export function authorityOf(text: string): string {
  return /^[^:]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
}

function textAfterAuthority(text: string): string {
  return text.replace(/^[^:]*:(\/\/[^/?#]*)?/, '');
}

/** The drivers decode them, and their errors do not say what is wrong. */
function canDecode({ username, password, pathname }: URL): boolean {
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

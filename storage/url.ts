/**
 * A URL if its meaning is clear, or `undefined`. An unescaped character in a password ends the password
 * early: the rest would be taken for a host or a path, tried, and printed.
 */
export function unambiguousUrl(text: string): URL | undefined {
  if (!URL.canParse(text) || text.includes('#')) return undefined;
  const url = new URL(text);
  // A password ends at an @, so an @ behind the authority means that the password was cut off before it.
  return textAfterAuthority(text).includes('@') || !canDecode(url) ? undefined : url;
}

/** The target of a connection string, without its password; `undefined` if it is not a URL of PostgreSQL. */
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

/** The part between `//` and the path. */
export function authorityOf(text: string): string {
  return /^[^:]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
}

function textAfterAuthority(text: string): string {
  return text.replace(/^[^:]*:(\/\/[^/?#]*)?/, '');
}

/** The drivers decode these parts, and their errors do not say what is wrong. */
function canDecode({ username, password, pathname }: URL): boolean {
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

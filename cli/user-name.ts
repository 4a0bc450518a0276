import { userInfo } from 'node:os';
import { CliError, EXIT_CODES } from './exit-codes.ts';

/** The default of `--by`. Throws a `CliError` for a user without a name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    // In a container, the user may have a number only.
    throw new CliError(EXIT_CODES.wrongInput, 'Your user has no name. Give one with --by.', {
      cause: error,
    });
  }
}

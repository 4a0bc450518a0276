import { userInfo } from 'node:os';
import { CliError } from './cli-error.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** Who decides where nobody else is named. Throws a `CliError` for a user without a name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    // In a container the user may have a number and no name.
    throw new CliError(EXIT_CODES.wrongInput, 'Your user has no name: say who decides with --by.', {
      cause: error,
    });
  }
}

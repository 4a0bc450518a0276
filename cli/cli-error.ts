import type { ExitCode } from './exit-codes.ts';

/**
 * What a person can mend: told in one line that says what to do, and never with a stack trace. Not
 * for mistakes of the program itself.
 */
export class CliError extends Error {
  override readonly name = 'CliError' as const;
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

import type { DemoOptions } from '../../examples/customer-lookup/run.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { hasCredential } from '../../worker/credential.ts';

/** `plait demo`: the example with everything it needs. It fails when anything is not as it says. */
export async function demoCommand(options: DemoOptions): Promise<ExitCode> {
  if (options.live === true && !hasCredential()) {
    throw new CliError(
      EXIT_CODES.wrongInput,
      '--live asks the real Messages API and needs a key: set ANTHROPIC_API_KEY, or leave --live out.',
    );
  }
  const { runDemo } = await import('../../examples/customer-lookup/run.ts');
  return (await runDemo(options)) ? EXIT_CODES.ok : EXIT_CODES.interrupted;
}

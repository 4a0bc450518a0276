#!/usr/bin/env node
import { explainError } from './explain-error.ts';
import { createProgram } from './program.ts';

// The reader of the output may close it early, for example `| head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  process.exitCode = await createProgram().run(process.argv);
} catch (error) {
  if (process.env['PLAIT_DEBUG'] === '1') console.error(error);
  const { exitCode, message } = explainError(error);
  if (message !== undefined) process.stderr.write(`plait: ${message}\n`);
  process.exitCode = exitCode;
}
// The user's module may keep connections open. End anyway, once the output is written.
process.stdout.write('', () => process.stderr.write('', () => process.exit()));

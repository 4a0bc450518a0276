#!/usr/bin/env node
import { explainError } from './explain-error.ts';
import { createProgram } from './program.ts';

// Whoever read the output has had enough, for example `| head`.
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
// A module of the user may hold connections open, and a finished command ends all the same: as soon
// as what it wrote has been taken.
process.stdout.write('', () => process.stderr.write('', () => process.exit()));

#!/usr/bin/env node
import { createProgram } from './program.ts';
import { explainError } from './explain-error.ts';

try {
  process.exitCode = await createProgram().run(process.argv);
} catch (error) {
  if (process.env['PLAIT_DEBUG'] === '1') console.error(error);
  const { exitCode, message } = explainError(error);
  if (message !== undefined) process.stderr.write(`plait: ${message}\n`);
  process.exitCode = exitCode;
}

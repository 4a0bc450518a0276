/** Writes a line to standard output: what was asked for. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes a line to standard error: what is told beside it. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

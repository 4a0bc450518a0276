/** Writes a line of the command's result to standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes a line beside the result to standard error: progress, hints. */
export function sayAside(line: string): void {
  process.stderr.write(`${line}\n`);
}

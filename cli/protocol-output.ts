import { Writable } from 'node:stream';

/**
 * Keeps standard output for a protocol, and returns it. Whatever else the process writes there from now on goes
 * to standard error: a module of the user may print.
 */
export function protocolOutput(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  return new Writable({
    write: (chunk: Buffer, _encoding, written) => void write(chunk, written),
  });
}

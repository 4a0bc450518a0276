import { Writable } from 'node:stream';

/**
 * Returns standard output for a protocol, and keeps everything else off it: what the process prints from now
 * on goes to standard error, since a module of the user may print.
 */
export function protocolOutput(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  return new Writable({
    write: (chunk: Buffer, _encoding, written) => void write(chunk, written),
  });
}

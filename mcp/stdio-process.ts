import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import type { StdioTransport } from './transports.ts';

/** Larger than any result that a turn could use; one more byte ends the connection. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** How long a process may take to end after each of the requests, which get more forceful. */
const STOP_MS = 2_000;

/** Variables that every program may need, none of them secret. */
const PASSED_ON =
  process.platform === 'win32'
    ? [
        'APPDATA',
        'HOMEDRIVE',
        'HOMEPATH',
        'LOCALAPPDATA',
        'PATH',
        'PATHEXT',
        'PROCESSOR_ARCHITECTURE',
        'PROGRAMFILES',
        'SYSTEMDRIVE',
        'SYSTEMROOT',
        'TEMP',
        'USERNAME',
        'USERPROFILE',
      ]
    : ['HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'TMPDIR', 'TZ', 'USER'];

/**
 * Runs the server in a process group of its own, and kills the group when this process is gone. Nothing else
 * would: a killed worker cannot do it, and a server that ignores the end of its input runs on forever.
 *
 * Descriptor 3 is a pipe from the worker. It closes when the worker ends, in whatever way.
 */
const GUARD = `
exec 4<&0 </dev/null
"$@" <&4 3<&- 4<&- &
server=$!
exec 4<&- >/dev/null
(trap '' TERM; read -r _ <&3; kill -KILL 0) 2>/dev/null &
guard=$!
exec 3<&-
trap : TERM
while :; do
  wait "$server"
  code=$?
  kill -0 "$server" 2>/dev/null || break
done
exec 2>/dev/null
kill -KILL "$guard"
exit "$code"
`;

/** How much of a server's last output is kept to explain its end, in characters. */
const MAX_LAST_WORDS = 2_000;

/** A process that speaks MCP over its standard input and output. */
export class StdioProcess implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;

  private readonly options: StdioTransport;
  private readonly onLine: (line: string) => void;
  private child: ChildProcess | undefined;
  private ended: Promise<unknown> = Promise.resolve();
  private isClosing = false;
  private lastWords = '';
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  /** @param onLine called with each line that the server writes to its standard error */
  constructor(options: StdioTransport, onLine: (line: string) => void) {
    this.options = options;
    this.onLine = onLine;
  }

  async start(): Promise<void> {
    const { command, args = [], cwd, env } = this.options;
    const guarded = process.platform !== 'win32';
    const child = spawn(
      guarded ? 'sh' : command,
      guarded ? ['-c', GUARD, 'plait', command, ...args] : args,
      {
        cwd,
        env: { ...passedOn(), ...env },
        stdio: guarded ? ['pipe', 'pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe'],
        // A process group of its own. Ctrl-C in a terminal is for the worker, which then ends the server.
        detached: guarded,
        windowsHide: true,
      },
    );
    this.child = child;
    const exited = once(child, 'exit');
    this.ended = exited.catch(() => undefined);
    await once(child, 'spawn');
    exited.then(
      ([code, signal]) => this.hasEnded(code as number | null, signal as string | null),
      (error: Error) => this.onerror?.(error),
    );
    child.stdout?.on('data', (chunk: Buffer) => this.read(chunk));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.hear(text));
    for (const stream of child.stdio) {
      stream?.on('error', (error) => {
        void this.broke(error);
      });
    }
    // Let the worker end while the server runs; the guard then ends the server.
    child.unref();
    for (const stream of child.stdio) (stream as { unref?: () => void } | null)?.unref?.();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.child?.stdin;
    try {
      if (!stdin?.writable) throw new Error('the process has ended');
      if (!stdin.write(`${JSON.stringify(message)}\n`)) await once(stdin, 'drain');
    } catch (error) {
      // The pipe may break first, but how the process ended says more.
      await this.endsWithin(STOP_MS);
      throw error;
    }
  }

  /** Ends the process and everything that it has started, and waits for it. */
  async close(): Promise<void> {
    const { child } = this;
    if (child === undefined || this.isClosing) return;
    this.isClosing = true;
    child.stdin?.end();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (await this.endsWithin(STOP_MS)) break;
      killGroup(child, signal);
    }
    await this.endsWithin(STOP_MS);
    // Processes that the server has started may still run.
    killGroup(child, 'SIGKILL');
    for (const stream of child.stdio) (stream as Readable | Writable | null)?.destroy();
    this.onclose?.();
  }

  private async endsWithin(milliseconds: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), milliseconds);
    });
    const isEnded = await Promise.race([this.ended.then(() => true), late]);
    clearTimeout(timer);
    return isEnded;
  }

  /** A pipe may break before the end of the process is known, and that end says more. */
  private async broke(error: Error): Promise<void> {
    if (!(await this.endsWithin(STOP_MS))) this.onerror?.(error);
  }

  private hasEnded(code: number | null, signal: string | null): void {
    if (this.isClosing) return;
    const how = code === null ? `by ${signal}` : `with code ${code}`;
    const words = this.lastWords.trim();
    this.onerror?.(new ProcessEndedError(`the process ended ${how}${words && `: ${words}`}`));
    void this.close();
  }

  private hear(text: string): void {
    this.lastWords = (this.lastWords + text).slice(-MAX_LAST_WORDS);
    for (const line of text.split('\n')) if (line.trim() !== '') this.onLine(line);
  }

  /** Messages are lines. Their chunks are joined only once, since a message may have megabytes. */
  private read(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      this.receive(Buffer.concat([...this.pending, rest.subarray(0, end)]).toString('utf8'));
      this.pending = [];
      this.pendingBytes = 0;
      rest = rest.subarray(end + 1);
    }
    if (rest.length === 0) return;
    this.pending.push(rest);
    this.pendingBytes += rest.length;
    if (this.pendingBytes <= MAX_MESSAGE_BYTES) return;
    this.onerror?.(
      new ProcessEndedError(`it sent a message of more than ${MAX_MESSAGE_BYTES} bytes`),
    );
    void this.close();
  }

  private receive(line: string): void {
    if (line.trim() === '') return;
    try {
      this.onmessage?.(JSON.parse(line) as JSONRPCMessage);
    } catch (error) {
      // Some servers print to their standard output.
      this.onerror?.(error as Error);
    }
  }
}

/** Why a connection to a process has ended. */
export class ProcessEndedError extends Error {
  override readonly name = 'ProcessEndedError' as const;
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch {
    // The whole group has ended already.
  }
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

import { randomUUID } from 'node:crypto';
import type { OpenSessionOptions } from '../../client/options.ts';
import type { SessionHandle } from '../../client/session-handle.ts';
import { defined } from '../../core/json.ts';
import { DEFAULT_TASK_QUEUE } from '../../core/names.ts';
import type { Opening } from '../chat/opening.ts';
import { agentOf, openingLines, readOpening, saidBefore } from '../chat/opening.ts';
import { PipedChat } from '../chat/piped-chat.ts';
import type { Backend, BackendOptions } from '../chat/backend.ts';
import { openBackend } from '../chat/backend.ts';
import { TerminalChat } from '../chat/terminal-chat.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { sayAside } from '../say.ts';
import { configuredTransport } from '../storage-setting.ts';
import type { Style } from '../style.ts';
import { styleFor } from '../style.ts';
import { oneLine, wrap } from '../text.ts';
import { uiLink } from '../ui-link.ts';
import { userName } from '../user-name.ts';

export interface ChatCommandOptions extends BackendOptions {
  session?: string;
  /** Messages to show on entry. */
  history: number;
  by?: string;
  context?: unknown;
  /** A URL. @default PLAIT_STREAM_TRANSPORT */
  streamTransport?: string;
}

/** A session, and what it held before this chat. */
interface Found {
  session: SessionHandle;
  agent: string;
  opening: Opening;
}

/** `plait chat`: one session, in a terminal or through a pipe. The session stays when the user leaves. */
export async function chatCommand(
  agent: string | undefined,
  options: ChatCommandOptions,
): Promise<ExitCode> {
  checkArguments(agent, options);
  const { stdin, stdout, stderr } = process;
  const isTerminal = stdin.isTTY && stdout.isTTY && process.env['TERM'] !== 'dumb';
  const style = styleFor(isTerminal ? stdout : stderr);
  // Fails before anything is started.
  const by = isTerminal ? (options.by ?? userName()) : '';
  const streamTransport = isTerminal ? configuredTransport(options.streamTransport) : undefined;
  const backend = await openBackend(agent, options, (text) => sayAside(style.dim(`  ${text}`)));
  try {
    const found = await findSession(backend, options);
    const { session, opening } = found;
    const { client } = backend;
    const lines = firstLines(found, backend, style);
    if (opening.state?.status === 'closed') {
      for (const line of lines) sayAside(line);
      throw closed(found);
    }
    if (!isTerminal) {
      for (const line of lines) sayAside(line);
      return await new PipedChat({ client, session, input: stdin }).run();
    }
    const said = saidBefore(opening);
    const terminal = { style, input: stdin, output: stdout, ...defined({ streamTransport }) };
    await new TerminalChat({ client, session, by, said, ...terminal }).run(lines);
    sayAside(style.dim(`\n  ${oneLine(goodbye(found, backend, options))}`));
    return EXIT_CODES.ok;
  } finally {
    await streamTransport?.close();
    await backend.close();
  }
}

function checkArguments(agent: string | undefined, options: ChatCommandOptions): void {
  const { demo = false, dev, model, session } = options;
  if (demo && (agent !== undefined || dev !== undefined)) {
    throw wrong('--demo brings its own agent. Leave the agent and --dev out.');
  }
  if (model !== undefined && dev === undefined) {
    throw wrong('--model is for --dev <module>: workers that run already have their own model.');
  }
  if (!demo && dev === undefined && agent === undefined && session === undefined) {
    throw wrong(
      'Name an agent (plait chat <agent>) or an existing session (--session <id>), or use --dev <module> or --demo.',
    );
  }
}

async function findSession(backend: Backend, options: ChatCommandOptions): Promise<Found> {
  const { agents } = backend;
  const { context, history } = options;
  // Without an id the session is new, so its agent is known.
  const sessionId = options.session ?? `${backend.agent ?? ''}-${randomUUID().slice(0, 8)}`;
  const opening = await readOpening(agents.getSession(sessionId), history);
  const agent = agentOf(opening, backend.agent, sessionId);
  const given: OpenSessionOptions = defined({ context });
  const session = agents.openSession(agent, sessionId, given);
  return { session, agent, opening };
}

function firstLines({ session, agent, opening }: Found, backend: Backend, style: Style): string[] {
  const { sessionId } = session;
  const { uiUrl, client, hints } = backend;
  const link = uiUrl === undefined ? undefined : uiLink(uiUrl, client.options.namespace, sessionId);
  const columns = process.stdout.columns ?? 120;
  return [
    ...openingLines(opening, { agent, sessionId, link }, { columns, style }),
    ...hints.flatMap((hint) => wrap(hint, columns - 3).map((line) => style.dim(`  ${line}`))),
  ];
}

function goodbye(
  { session, agent }: Found,
  { staysUp }: Backend,
  { taskQueue, dev, model }: ChatCommandOptions,
): string {
  const { sessionId } = session;
  if (!staysUp) return 'The session is gone: this command has stopped its Temporal server.';
  const queue = taskQueue === DEFAULT_TASK_QUEUE ? '' : ` -q ${taskQueue}`;
  const how = dev === undefined ? '' : ` --dev ${dev}`;
  const asked = model === undefined ? '' : ` --model ${model}`;
  const command = `plait chat ${agent} --session ${sessionId}${queue}${how}${asked}`;
  return `The session stays. To come back: ${command}`;
}

function closed({ session, agent }: Found): CliError {
  return new CliError(
    EXIT_CODES.rejected,
    `Session ${session.sessionId} is closed and takes no more messages. To begin another: plait chat ${agent}`,
  );
}

function wrong(message: string): CliError {
  return new CliError(EXIT_CODES.wrongInput, message);
}

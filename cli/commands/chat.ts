import { randomUUID } from 'node:crypto';
import type { OpenSessionOptions } from '../../client/options.ts';
import type { SessionHandle } from '../../client/session-handle.ts';
import type { Opening } from '../chat/opening.ts';
import { agentOf, openingLines, readOpening, saidBefore } from '../chat/opening.ts';
import { PipedChat } from '../chat/piped-chat.ts';
import type { Place, PlaceOptions } from '../chat/place.ts';
import { openPlace } from '../chat/place.ts';
import { TerminalChat } from '../chat/terminal-chat.ts';
import { CliError } from '../cli-error.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { note } from '../say.ts';
import type { Style } from '../style.ts';
import { styleFor } from '../style.ts';
import { DEFAULT_TASK_QUEUE } from '../../core/names.ts';
import { wrap } from '../text.ts';
import { uiLink } from '../ui-link.ts';
import { userName } from '../user-name.ts';

export interface ChatCommandOptions extends PlaceOptions {
  session?: string;
  /** Messages to show on entry. */
  history: number;
  by?: string;
  context?: unknown;
}

/** A session, and what there was before. */
interface Found {
  session: SessionHandle;
  agent: string;
  opening: Opening;
}

/** `plait chat`: one session, in a terminal or through a pipe. Leaving it leaves the session alone. */
export async function chatCommand(
  agent: string | undefined,
  options: ChatCommandOptions,
): Promise<ExitCode> {
  refuseNonsense(agent, options);
  const { stdin, stdout, stderr } = process;
  const isTerminal = stdin.isTTY && stdout.isTTY && process.env['TERM'] !== 'dumb';
  const style = styleFor(isTerminal ? stdout : stderr);
  // First what can be wrong at once.
  const by = isTerminal ? (options.by ?? userName()) : '';
  const place = await openPlace(agent, options, (text) => note(style.dim(`  ${text}`)));
  try {
    const found = await findSession(place, options);
    const { session, opening } = found;
    const { client } = place;
    const lines = firstLines(found, place, style);
    if (opening.state?.status === 'closed') {
      for (const line of lines) note(line);
      throw closed(found);
    }
    if (!isTerminal) {
      for (const line of lines) note(line);
      return await new PipedChat({ client, session, input: stdin }).run();
    }
    const said = saidBefore(opening);
    const terminal = { style, input: stdin, output: stdout };
    await new TerminalChat({ client, session, by, said, ...terminal }).run(lines);
    note(style.dim(`\n  ${goodbye(found, place, options)}`));
    return EXIT_CODES.ok;
  } finally {
    await place.close();
  }
}

function refuseNonsense(agent: string | undefined, options: ChatCommandOptions): void {
  const { demo = false, dev, session } = options;
  if (demo && (agent !== undefined || dev !== undefined)) {
    throw wrong('--demo brings its own agent. Leave the agent and --dev out.');
  }
  if (!demo && dev === undefined && agent === undefined && session === undefined) {
    throw wrong(
      'Say with whom: plait chat <agent>, or --session <id> of one that exists, or --dev <module>, or --demo.',
    );
  }
}

async function findSession(place: Place, options: ChatCommandOptions): Promise<Found> {
  const { agents } = place;
  const { context, history } = options;
  // Without an id a session begins, and its agent is known.
  const sessionId = options.session ?? `${place.agent ?? ''}-${randomUUID().slice(0, 8)}`;
  const opening = await readOpening(agents.getSession(sessionId), history);
  const agent = agentOf(opening, place.agent, sessionId);
  const given: OpenSessionOptions = context === undefined ? {} : { context };
  const session = agents.openSession(agent, sessionId, given);
  return { session, agent, opening };
}

function firstLines({ session, agent, opening }: Found, place: Place, style: Style): string[] {
  const { sessionId } = session;
  const { uiUrl, client, hints } = place;
  const link = uiUrl === undefined ? undefined : uiLink(uiUrl, client.options.namespace, sessionId);
  const columns = process.stdout.columns ?? 120;
  return [
    ...openingLines(opening, { agent, sessionId, link }, { columns, style }),
    ...hints.flatMap((hint) => wrap(hint, columns - 3).map((line) => style.dim(`  ${line}`))),
  ];
}

function goodbye(
  { session, agent }: Found,
  { livesOn }: Place,
  { taskQueue, dev }: ChatCommandOptions,
): string {
  const { sessionId } = session;
  if (!livesOn) return 'The session has ended with the server of this command.';
  const queue = taskQueue === DEFAULT_TASK_QUEUE ? '' : ` -q ${taskQueue}`;
  const how = dev === undefined ? '' : ` --dev ${dev}`;
  const command = `plait chat ${agent} --session ${sessionId}${queue}${how}`;
  return `The session lives on. To come back: ${command}`;
}

function closed({ session, agent }: Found): CliError {
  return new CliError(
    EXIT_CODES.refused,
    `Session ${session.sessionId} is closed and takes no more messages. To begin another: plait chat ${agent}`,
  );
}

function wrong(message: string): CliError {
  return new CliError(EXIT_CODES.wrongInput, message);
}

import { Command, InvalidArgumentError, Option } from 'commander';
import { duration } from '../agents/check-options.ts';
import { inexactText } from '../core/calls/texts.ts';
import { inexactOf } from '../core/conversation/exact-json.ts';
import type { ListedStatus } from '../client/lists.ts';
import { membersOf } from '../core/json.ts';
import { DEFAULT_TASK_QUEUE } from '../core/names.ts';
import type { SessionStatus } from '../core/session/protocol.ts';
import type { ApprovalsCommandOptions } from './commands/approvals.ts';
import type { ChatCommandOptions } from './commands/chat.ts';
import type { CostOptions } from './commands/cost.ts';
import type { DecisionOptions } from './commands/decide.ts';
import type { DescribeOptions } from './commands/describe.ts';
import type { DoctorOptions } from './commands/doctor.ts';
import type { EvalCommandOptions } from './commands/eval.ts';
import type { InitOptions } from './commands/init.ts';
import type { McpCommandOptions } from './commands/mcp.ts';
import type { RunOptions } from './commands/run.ts';
import type { SessionsCommandOptions } from './commands/sessions.ts';
import type { ShowCommandOptions } from './commands/show.ts';
import type { StorageGcOptions } from './commands/storage-gc.ts';
import type { TurnsCommandOptions } from './commands/turns.ts';
import type { WatchCommandOptions } from './commands/watch.ts';
import { COST_BY } from './cost/report.ts';
import type { ExitCode } from './exit-codes.ts';
import { EXIT_CODES, exitCodeHelp } from './exit-codes.ts';
import { oneLine } from './text.ts';
import { version } from './version.ts';

// Each command is imported when it runs: Temporal's worker is a large native library that `--help` and `run`
// do not need.

const ENVIRONMENT = `Environment:
  TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PROFILE
       the Temporal server, as for Temporal's own tools
  ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL
       Claude
  PLAIT_STORAGE
       storage of long conversations: a directory, postgres://… or s3://…
  PLAIT_STREAM_TRANSPORT
       brings replies while they are written: redis://…, rediss://… or postgres://…
  PLAIT_METRICS
       where plait worker serves metrics for Prometheus, for example 0.0.0.0:9464`;

/** The command line. `run` parses it, runs the command, and returns the exit code. */
export function createProgram(): { run(argv: readonly string[]): Promise<ExitCode> } {
  let exitCode: ExitCode = EXIT_CODES.ok;
  const exitWith = async (command: Promise<ExitCode>): Promise<void> => {
    exitCode = await command;
  };
  const program = new Command('plait')
    .description('Claude agents whose every turn is a durable Temporal workflow.')
    .version(version(), '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
    .addHelpText('after', ({ error }) => {
      const { columns } = error ? process.stderr : process.stdout;
      return `\n${exitCodeHelp(columns)}\n\n${ENVIRONMENT}`;
    });
  addDemo(program, exitWith);
  addInit(program, exitWith);
  addDev(program, exitWith);
  addWorker(program, exitWith);
  addRun(program, exitWith);
  addChat(program, exitWith);
  addEval(program, exitWith);
  addMcp(program, exitWith);
  addTurns(program, exitWith);
  addSessions(program, exitWith);
  addCost(program, exitWith);
  addDescribe(program, exitWith);
  addShow(program, exitWith);
  addWatch(program, exitWith);
  addCancel(program, exitWith);
  addApprovals(program, exitWith);
  addApprove(program, exitWith);
  addDeny(program, exitWith);
  addSetup(program, exitWith);
  addDoctor(program, exitWith);
  addStorage(program, exitWith);
  return {
    async run(argv) {
      await program.parseAsync(argv);
      return exitCode;
    },
  };
}

/** Commander's text in one line, plus what to do. */
function usageError(text: string): string {
  const sentence = oneLine(text.replace(/^error: /, '')).replace(/([^.)?])$/, '$1.');
  return `plait: ${sentence} See plait --help.\n`;
}

type ExitWith = (command: Promise<ExitCode>) => Promise<void>;

function addDemo(program: Command, exitWith: ExitWith): void {
  program
    .command('demo')
    .description('run three tool calls at once and measure them; needs nothing else')
    .option('--live', 'ask Claude instead of the scripted model')
    .option('--sequential', 'also run the same turn one call after the other')
    .option('--keep', 'keep the server afterwards, so that the links work (default in a terminal)')
    .option('--no-keep', 'end when it is done')
    .action(async (options: { live?: boolean; sequential?: boolean; keep?: boolean }) => {
      const { demoCommand } = await import('./commands/demo.ts');
      await exitWith(demoCommand(options));
    });
}

function addInit(program: Command, exitWith: ExitWith): void {
  program
    .command('init')
    .description('write a project with an agent and a test')
    .argument('[folder]', 'a new or an empty folder', '.')
    .option(
      '--plait <what>',
      'version, tarball or folder of Plait to depend on (default: this version)',
    )
    .action(async (folder: string, options: InitOptions) => {
      const { initCommand } = await import('./commands/init.ts');
      await exitWith(initCommand(folder, options));
    });
}

function addDev(program: Command, exitWith: ExitWith): void {
  program
    .command('dev')
    .description('run the agents of a module; starts a Temporal server if there is none')
    .argument('<module>', 'path or package that exports agents')
    .option('-q, --task-queue <name>', 'task queue of the worker', DEFAULT_TASK_QUEUE)
    .option(...MODEL_OPTION)
    .option('--port <number>', 'port of the Temporal server (default: 7233)', port)
    .option('--ui-port <number>', 'port of its web UI (default: 8233)', port)
    .option('--db <file>', 'file for the server’s data (default: in memory)')
    .action(async (module: string, options: { taskQueue: string }) => {
      const { devCommand } = await import('./commands/dev.ts');
      await exitWith(devCommand(module, options));
    });
  // The process of `dev` that runs the agents.
  program
    .command('dev-worker', { hidden: true })
    .argument('<module>')
    .option('--model <model>')
    .action(async (module: string, options: { model?: string }) => {
      const { devWorkerCommand } = await import('./commands/dev-worker.ts');
      await exitWith(devWorkerCommand(module, options));
    });
}

function addWorker(program: Command, exitWith: ExitWith): void {
  program
    .command('worker')
    .description('run the agents of a module on the configured Temporal server')
    .argument('<module>', 'path or package that exports agents')
    .option('-q, --task-queue <name>', 'task queue of the worker', DEFAULT_TASK_QUEUE)
    .option(
      '--task-queues <names>',
      'serve only these, separated by commas (default: --task-queue and those of the agents)',
      list,
    )
    .option(
      '--max-concurrent-model-calls <number>',
      'most model calls at once, for agents with a modelTaskQueue',
      wholeNumber,
    )
    .option(
      '--max-model-calls-per-second <number>',
      'most model calls per second, over all workers of the modelTaskQueue',
      positive,
    )
    .option(
      '--storage <where>',
      'storage of long conversations: a directory, postgres:// or s3:// (default: PLAIT_STORAGE)',
    )
    .option(
      '--stream-transport <url>',
      'publish replies while they are written: redis:// or postgres:// (default: PLAIT_STREAM_TRANSPORT)',
    )
    .option(
      '--metrics <address>',
      'serve metrics for Prometheus, for example at 0.0.0.0:9464 (default: PLAIT_METRICS)',
    )
    .action(async (module: string, options: { taskQueue: string; taskQueues?: string[] }) => {
      const { workerCommand } = await import('./commands/worker.ts');
      await exitWith(workerCommand(module, options));
    });
}

function addRun(program: Command, exitWith: ExitWith): void {
  program
    .command('run')
    .description('start a turn, show it, and print its answer')
    .argument('[agent]', 'name of the agent; not needed for an existing turn')
    .argument('[text]', 'what the user says')
    .option('-q, --task-queue <name>', 'task queue of the workers', DEFAULT_TASK_QUEUE)
    .option('--json', 'print the whole result as JSON')
    .option('--timeout <duration>', 'wait at most this long, for example 60s', milliseconds)
    .option('--turn-id <id>', 'workflow id; alone, wait for the turn that has it', someText)
    .option('--context <json>', 'data for the tools, which the model does not see', json)
    .option(...STORAGE_OPTION)
    .option(...TRANSPORT_OPTION)
    .action(async (agent: string | undefined, text: string | undefined, options: RunOptions) => {
      const start = agent === undefined || text === undefined ? undefined : { agent, text };
      if (start === undefined && (agent !== undefined || options.turnId === undefined)) {
        const missing = agent === undefined ? 'agent' : 'text';
        program.error(`error: missing required argument '${missing}'`);
      }
      const { runCommand } = await import('./commands/run.ts');
      await exitWith(runCommand(start, options));
    });
}

function addChat(program: Command, exitWith: ExitWith): void {
  program
    .command('chat')
    .description('talk to an agent in a session, which stays when you leave')
    .argument('[agent]', 'name of the agent; not needed for an existing session')
    .option('--session <id>', 'workflow id of the session (default: a new session)', someText)
    .option('--dev <module>', 'run the agents of this module here, like plait dev')
    .option(...MODEL_OPTION)
    .option('--demo', 'run an example, with a scripted model and a Temporal server')
    .option('--history <number>', 'how many earlier messages to show', count, 20)
    .option('--by <name>', 'who decides about calls (default: your user name)', someText)
    .option(
      '--context <json>',
      'data for the tools of a new session; the model does not see it',
      json,
    )
    .option('-q, --task-queue <name>', 'task queue of the workers', DEFAULT_TASK_QUEUE)
    .option(...STORAGE_OPTION)
    .option(...TRANSPORT_OPTION)
    .addHelpText(
      'after',
      '\nFrom a pipe, each line is a message. It is sent when the one before is answered.',
    )
    .action(async (agent: string | undefined, options: ChatCommandOptions) => {
      const { chatCommand } = await import('./commands/chat.ts');
      await exitWith(chatCommand(agent, options));
    });
}

function addEval(program: Command, exitWith: ExitWith): void {
  program
    .command('eval')
    .description('run the cases of a module’s evals, and say which passed')
    .argument('<module>', 'path or package that exports evals')
    .option(
      '--runs <number>',
      'how often to run each case (default: as the eval says)',
      wholeNumber,
    )
    .option('--filter <text>', 'only the cases with this text in their name', someText)
    .option('--live', 'ask Claude, even if the eval has a script')
    .option(
      '--temporal <address>',
      'run on this Temporal server, where the turns stay (default: one in memory)',
      someText,
    )
    .option('--json', 'print the reports as JSON')
    .action(async (module: string, options: EvalCommandOptions) => {
      const { evalCommand } = await import('./commands/eval.ts');
      await exitWith(evalCommand(module, options));
    });
}

function addMcp(program: Command, exitWith: ExitWith): void {
  program
    .command('mcp')
    .description('serve the agents of a module to an MCP client, over standard input and output')
    .argument('<module>', 'path or package that exports agents')
    .option('-q, --task-queue <name>', 'task queue of the workers', DEFAULT_TASK_QUEUE)
    .option('--user <id>', 'start turns for this user, and reach only those of this user', someText)
    .option('--context <json>', 'data for the tools, which the model does not see', json)
    .option('--by <name>', 'who decides about calls (default: your user name)', someText)
    .option('--no-decisions', 'leave out the tools that approve and deny calls')
    .option(
      '--answer-within <duration>',
      'how long a call waits for its turn before it answers with the id (default: 20s)',
      milliseconds,
    )
    .option(...STORAGE_OPTION)
    .action(async (module: string, options: McpCommandOptions) => {
      const { mcpCommand } = await import('./commands/mcp.ts');
      await exitWith(mcpCommand(module, options));
    });
}

const MODEL_OPTION = [
  '--model <model>',
  '“scripted” or a script file, to run without an API key',
  someText,
] as const;

const STORAGE_OPTION = [
  '--storage <where>',
  'storage of the workers (default: PLAIT_STORAGE, or that of plait dev in this directory)',
] as const;

const TRANSPORT_OPTION = [
  '--stream-transport <url>',
  'stream transport of the workers: redis:// or postgres:// (default: PLAIT_STREAM_TRANSPORT)',
] as const;

function addTurns(program: Command, exitWith: ExitWith): void {
  addList(program.command('turns').description('list the newest turns, running ones first'))
    .option('--status <status>', 'such as running, completed, failed', oneOf(TURN_STATUSES))
    .option('--stop-reason <reason>', 'such as end_turn, cancelled, max_rounds', someText)
    .option(...STORAGE_OPTION)
    .action(async (options: TurnsCommandOptions) => {
      const { turnsCommand } = await import('./commands/turns.ts');
      await exitWith(turnsCommand(options));
    });
}

const TURN_STATUSES = membersOf<ListedStatus>({
  running: true,
  completed: true,
  failed: true,
  cancelled: true,
  terminated: true,
  timedOut: true,
});
const SESSION_STATUSES = membersOf<SessionStatus>({ idle: true, busy: true, closed: true });

function addSessions(program: Command, exitWith: ExitWith): void {
  addList(program.command('sessions').description('list the sessions, open ones first'))
    .option('--status <status>', SESSION_STATUSES.join(', '), oneOf(SESSION_STATUSES))
    .action(async (options: SessionsCommandOptions) => {
      const { sessionsCommand } = await import('./commands/sessions.ts');
      await exitWith(sessionsCommand(options));
    });
}

function addCost(program: Command, exitWith: ExitWith): void {
  program
    .command('cost')
    .description('add up what recently ended turns have used')
    .addOption(
      new Option('--since <duration>', 'how far back, for example 24h')
        .argParser(milliseconds)
        .default(WEEK_MS, '7d'),
    )
    .addOption(new Option('--by <what>', 'what to add up by').choices(COST_BY).default('agent'))
    .option('--agent <name>', 'only of this agent', someText)
    .option('--user <name>', 'only for this user', someText)
    .addOption(new Option('--json', 'print the report as JSON').conflicts('csv'))
    .option('--csv', 'print the rows as CSV, for a spreadsheet')
    .option(...STORAGE_OPTION)
    .action(async (options: CostOptions) => {
      const { costCommand } = await import('./commands/cost.ts');
      await exitWith(costCommand(options));
    });
}

function addList(command: Command): Command {
  return command
    .option('--agent <name>', 'only of this agent', someText)
    .option('--user <name>', 'only for this user', someText)
    .option('--limit <number>', 'how many at most', wholeNumber, 20)
    .option('--json', 'print a JSON array');
}

function addDescribe(program: Command, exitWith: ExitWith): void {
  program
    .command('describe')
    .description('say what a turn or a session is doing, and what it waits for')
    .argument('<id>', 'the id of a turn or a session')
    .option('--json', 'print all that is known as JSON')
    .option(...STORAGE_OPTION)
    .action(async (id: string, options: DescribeOptions) => {
      const { describeCommand } = await import('./commands/describe.ts');
      await exitWith(describeCommand(id, options));
    });
}

function addShow(program: Command, exitWith: ExitWith): void {
  program
    .command('show')
    .description('show what a turn did and waited for on one time axis, and what it used')
    .argument('<id>', 'the id of a turn, or of a session for its newest turn')
    .option('--json', 'print it as JSON')
    .addOption(
      new Option('--html', 'print it as one HTML page, to send or to keep').conflicts('json'),
    )
    .option(...STORAGE_OPTION)
    .action(async (id: string, options: ShowCommandOptions) => {
      const { showCommand } = await import('./commands/show.ts');
      await exitWith(showCommand(id, options));
    });
}

function addWatch(program: Command, exitWith: ExitWith): void {
  program
    .command('watch')
    .description('follow a turn, or the turns of a session, until it ends; starts nothing')
    .argument('<id>', 'the id of a turn or a session')
    .option(...STORAGE_OPTION)
    .action(async (id: string, options: WatchCommandOptions) => {
      const { watchCommand } = await import('./commands/watch.ts');
      await exitWith(watchCommand(id, options));
    });
}

function addCancel(program: Command, exitWith: ExitWith): void {
  program
    .command('cancel')
    .description('ask a turn to stop, or the running turn of a session')
    .argument('<id>', 'the id of a turn or a session')
    .action(async (id: string) => {
      const { cancelCommand } = await import('./commands/cancel.ts');
      await exitWith(cancelCommand(id));
    });
}

function addApprovals(program: Command, exitWith: ExitWith): void {
  program
    .command('approvals')
    .description('list the calls of all turns that wait for a person')
    .option('--json', 'print a JSON array, with the whole arguments')
    .option(...STORAGE_OPTION)
    .action(async (options: ApprovalsCommandOptions) => {
      const { approvalsCommand } = await import('./commands/approvals.ts');
      await exitWith(approvalsCommand(options));
    });
}

function addApprove(program: Command, exitWith: ExitWith): void {
  addDecision(program.command('approve').description('approve a call that waits for a person'))
    .option('--input <json>', 'run it with this input instead of the model’s', json)
    .option('--answer <json>', 'the answer to what the MCP server of the call asks', json)
    .action(async (turnId: string, callId: string | undefined, options: DecisionOptions) => {
      const { approveCommand } = await import('./commands/decide.ts');
      await exitWith(approveCommand(turnId, callId, options));
    });
}

function addDeny(program: Command, exitWith: ExitWith): void {
  addDecision(program.command('deny').description('deny a call that waits for a person'))
    .option('--dismiss', 'close the question of an MCP server without a choice')
    .action(async (turnId: string, callId: string | undefined, options: DecisionOptions) => {
      const { denyCommand } = await import('./commands/decide.ts');
      await exitWith(denyCommand(turnId, callId, options));
    });
}

function addSetup(program: Command, exitWith: ExitWith): void {
  program
    .command('setup')
    .description('register Plait’s search attributes in the configured namespace; once is enough')
    .action(async () => {
      const { setupCommand } = await import('./commands/setup.ts');
      await exitWith(setupCommand());
    });
}

function addDoctor(program: Command, exitWith: ExitWith): void {
  program
    .command('doctor')
    .description('say whether turns can run here, and what to do if they cannot')
    .argument('[module]', 'path or package that exports agents, to check what they need too')
    .option(
      '-q, --task-queue <name>',
      'task queue of the turns (default: where turns are, or plait)',
    )
    .option(
      '--ask-model [model]',
      'ask this model, or those of the agents, for one token, to try the key',
    )
    .option('--json', 'print the findings as JSON')
    .option(...STORAGE_OPTION)
    .option(...TRANSPORT_OPTION)
    .action(async (module: string | undefined, options: DoctorOptions) => {
      const { doctorCommand } = await import('./commands/doctor.ts');
      await exitWith(doctorCommand(module, options));
    });
}

function addDecision(command: Command): Command {
  return command
    .argument('<turn-id>', 'the turn, from plait approvals')
    .argument('[call-id]', 'the call; needed only when several calls of the turn wait')
    .option('--reason <text>', 'why; it is recorded, and for a denial the model reads it', someText)
    .option('--by <name>', 'who decides (default: your user name)', someText)
    .option(
      '--proof <text>',
      'a proof for the workers that verify decisions, such as a token',
      someText,
    )
    .option(...STORAGE_OPTION);
}

function addStorage(program: Command, exitWith: ExitWith): void {
  program
    .command('storage')
    .description('manage the storage of long conversations')
    .command('gc')
    .description('remove objects that no workflow needs any more')
    .option(...STORAGE_OPTION)
    .addOption(
      new Option('--older-than <duration>', 'keep objects that were written more recently')
        .argParser(milliseconds)
        .default(WEEK_MS, '7d'),
    )
    .option(
      '--namespaces <names>',
      'all namespaces that use the storage, separated by commas (default: the configured one)',
      list,
    )
    .option(
      '--ignore-unreadable <types>',
      'ignore what cannot be read in workflows of these types, separated by commas',
      list,
    )
    .option('--remove-all', 'remove even if no workflow names anything in the storage')
    .option('--dry-run', 'remove nothing, and print what would be removed')
    .action(async (options: StorageGcOptions) => {
      const { storageGcCommand } = await import('./commands/storage-gc.ts');
      await exitWith(storageGcCommand(options));
    });
}

const WEEK_MS = 7 * 86_400_000;

function someText(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It must not be blank.');
}

function oneOf(values: readonly string[]): (text: string) => string {
  return (text) => {
    if (values.includes(text)) return text;
    throw new InvalidArgumentError(`It must be one of ${values.join(', ')}.`);
  };
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number;
  throw new InvalidArgumentError('It must be a whole number from 1 to 65535.');
}

function count(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at least 0.');
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

function positive(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be a number above 0.');
}

function milliseconds(text: string): number {
  const parsed = duration.safeParse(/^\d+$/.test(text) ? Number(text) : text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('It must be a duration, such as 30s or 2m, of at most 36500d.');
}

function list(text: string): string[] {
  return text.split(',').flatMap((name) => name.trim() || []);
}

function json(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It must be JSON, such as \'{"tenant":"acme"}\'.');
  }
  const inexact = inexactOf(text, value);
  if (inexact !== undefined) throw new InvalidArgumentError(inexactText(inexact));
  return value;
}

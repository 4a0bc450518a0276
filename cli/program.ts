import { Command, InvalidArgumentError } from 'commander';
import { duration } from '../agents/check-options.ts';
import { DEFAULT_TASK_QUEUE } from '../core/names.ts';
import type { ApprovalsCommandOptions } from './commands/approvals.ts';
import type { ChatCommandOptions } from './commands/chat.ts';
import type { DecisionOptions } from './commands/decide.ts';
import type { StorageGcOptions } from './commands/storage-gc.ts';
import type { ExitCode } from './exit-codes.ts';
import { EXIT_CODES, exitCodeHelp } from './exit-codes.ts';
import { oneLine } from './text.ts';

// Commands are loaded when they run: Temporal's worker is a large native library, and `--help` and
// `run` do not need it.

/** The command line. `run` parses it, does what it says, and returns the exit code. */
export function createProgram(): { run(argv: readonly string[]): Promise<ExitCode> } {
  let exitCode: ExitCode = EXIT_CODES.ok;
  const exitWith = async (command: Promise<ExitCode>): Promise<void> => {
    exitCode = await command;
  };
  const program = new Command('plait')
    .description('Claude agents whose every turn is a durable Temporal workflow.')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
    .addHelpText(
      'after',
      `\n${exitCodeHelp()}\n\nTemporal is found by its own settings: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PROFILE.\nClaude is asked with ANTHROPIC_API_KEY, at ANTHROPIC_BASE_URL if set.\nLong conversations are kept where PLAIT_STORAGE says: a directory, postgres://… or s3://…`,
    );
  addDemo(program, exitWith);
  addDev(program, exitWith);
  addWorker(program, exitWith);
  addRun(program, exitWith);
  addChat(program, exitWith);
  addApprovals(program, exitWith);
  addApprove(program, exitWith);
  addDeny(program, exitWith);
  addSetup(program, exitWith);
  addStorage(program, exitWith);
  return {
    async run(argv) {
      await program.parseAsync(argv);
      return exitCode;
    },
  };
}

/** Commander's words, in one line with what to do. */
function usageError(text: string): string {
  const sentence = oneLine(text.replace(/^error: /, '')).replace(/([^.)?])$/, '$1.');
  return `plait: ${sentence} See plait --help.\n`;
}

type ExitWith = (command: Promise<ExitCode>) => Promise<void>;

function addDemo(program: Command, exitWith: ExitWith): void {
  program
    .command('demo')
    .description('run three tool calls at once, measured, with everything it needs')
    .option('--live', 'ask Claude instead of the scripted model')
    .option('--sequential', 'run the same turn one call after the other as well')
    .option('--keep', 'stay open afterwards, so that the links work (default in a terminal)')
    .option('--no-keep', 'end when it is done')
    .action(async (options: { live?: boolean; sequential?: boolean; keep?: boolean }) => {
      const { demoCommand } = await import('./commands/demo.ts');
      await exitWith(demoCommand(options));
    });
}

function addDev(program: Command, exitWith: ExitWith): void {
  program
    .command('dev')
    .description('run the agents of a module, with a Temporal server if there is none')
    .argument('<module>', 'a path or a package that exports agents')
    .option('-q, --task-queue <name>', 'task queue of the worker', DEFAULT_TASK_QUEUE)
    .option('--port <number>', 'port of the Temporal server (default: 7233)', port)
    .option('--ui-port <number>', 'port of its web UI (default: 8233)', port)
    .option('--db <file>', 'keep the server’s data in a file (default: in memory)')
    .action(async (module: string, options: { taskQueue: string }) => {
      const { devCommand } = await import('./commands/dev.ts');
      await exitWith(devCommand(module, options));
    });
}

function addWorker(program: Command, exitWith: ExitWith): void {
  program
    .command('worker')
    .description('run the agents of a module on the configured Temporal server')
    .argument('<module>', 'a path or a package that exports agents')
    .option('-q, --task-queue <name>', 'task queue of the worker', DEFAULT_TASK_QUEUE)
    .option(
      '--task-queues <names>',
      'serve only these, separated by commas (default: --task-queue and those of models and tools)',
      list,
    )
    .option(
      '--max-concurrent-model-calls <number>',
      'model calls at once, where the agents have a modelTaskQueue',
      wholeNumber,
    )
    .option(
      '--max-model-calls-per-second <number>',
      'the same per second, over all workers of the queue',
      positive,
    )
    .option(
      '--storage <where>',
      'directory, postgres:// or s3:// for long conversations (default: PLAIT_STORAGE)',
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
    .argument('<agent>', 'name of the agent')
    .argument('<text>', 'what the user says')
    .option('-q, --task-queue <name>', 'task queue of the workers', DEFAULT_TASK_QUEUE)
    .option('--json', 'print the whole result as JSON')
    .option('--timeout <duration>', 'wait at most this long, for example 60s', milliseconds)
    .option('--turn-id <id>', 'workflow id; an existing turn is not started again')
    .option('--context <json>', 'what the tools should know and the model should not', json)
    .option(...STORAGE_OPTION)
    .action(async (agent: string, text: string, options: { taskQueue: string }) => {
      const { runCommand } = await import('./commands/run.ts');
      await exitWith(runCommand(agent, text, options));
    });
}

function addChat(program: Command, exitWith: ExitWith): void {
  program
    .command('chat')
    .description('talk with an agent in a session, which lives on when you leave')
    .argument('[agent]', 'name of the agent; a session that exists knows its own')
    .option('--session <id>', 'workflow id of the session (default: a new one)', someText)
    .option('--dev <module>', 'run the agents of this module here, as plait dev does')
    .option('--demo', 'everything it needs: an example, a scripted model, a Temporal server')
    .option('--history <number>', 'messages to show on entry', count, 20)
    .option('--by <name>', 'who decides about calls (default: your user name)', someText)
    .option('--context <json>', 'for the tools of a new session, and not for the model', json)
    .option('-q, --task-queue <name>', 'task queue of the workers', DEFAULT_TASK_QUEUE)
    .option(...STORAGE_OPTION)
    .addHelpText(
      'after',
      '\nLines from a pipe are sent one after the other, each when the last is answered.',
    )
    .action(async (agent: string | undefined, options: ChatCommandOptions) => {
      const { chatCommand } = await import('./commands/chat.ts');
      await exitWith(chatCommand(agent, options));
    });
}

const STORAGE_OPTION = [
  '--storage <where>',
  'storage of the workers (default: PLAIT_STORAGE, or that of plait dev here)',
] as const;

function addApprovals(program: Command, exitWith: ExitWith): void {
  program
    .command('approvals')
    .description('list the calls that wait for a person, of all turns')
    .option('--json', 'print them as a JSON array, with the whole arguments')
    .option(...STORAGE_OPTION)
    .action(async (options: ApprovalsCommandOptions) => {
      const { approvalsCommand } = await import('./commands/approvals.ts');
      await exitWith(approvalsCommand(options));
    });
}

function addApprove(program: Command, exitWith: ExitWith): void {
  addDecision(program.command('approve').description('let a call run that waits for a person'))
    .option('--input <json>', 'run it on this instead of what the model wrote', json)
    .action(async (turnId: string, callId: string | undefined, options: DecisionOptions) => {
      const { approveCommand } = await import('./commands/decide.ts');
      await exitWith(approveCommand(turnId, callId, options));
    });
}

function addDeny(program: Command, exitWith: ExitWith): void {
  addDecision(program.command('deny').description('refuse a call that waits for a person')).action(
    async (turnId: string, callId: string | undefined, options: DecisionOptions) => {
      const { denyCommand } = await import('./commands/decide.ts');
      await exitWith(denyCommand(turnId, callId, options));
    },
  );
}

function addSetup(program: Command, exitWith: ExitWith): void {
  program
    .command('setup')
    .description('register Plait’s search attributes in the configured namespace, once')
    .action(async () => {
      const { setupCommand } = await import('./commands/setup.ts');
      await exitWith(setupCommand());
    });
}

function addDecision(command: Command): Command {
  return command
    .argument('<turn-id>', 'the turn, as `plait approvals` shows it')
    .argument('[call-id]', 'the call; needed only where several wait')
    .option('--reason <text>', 'why, for the record; of a denial the model is told', someText)
    .option('--by <name>', 'who decides (default: your user name)', someText)
    .option(...STORAGE_OPTION);
}

function addStorage(program: Command, exitWith: ExitWith): void {
  program
    .command('storage')
    .description('look after the storage of long conversations')
    .command('gc')
    .description('remove what no workflow names any more')
    .option(...STORAGE_OPTION)
    .option('--older-than <duration>', 'and was last written so long ago', milliseconds, WEEK_MS)
    .option('--namespaces <names>', 'all that use the storage (default: the configured one)', list)
    .option('--remove-all', 'also where no workflow names anything of it')
    .option('--dry-run', 'remove nothing, and tell what would be removed')
    .action(async (options: StorageGcOptions) => {
      const { storageGcCommand } = await import('./commands/storage-gc.ts');
      await exitWith(storageGcCommand(options));
    });
}

const WEEK_MS = 7 * 86_400_000;

function someText(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It is empty.');
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number;
  throw new InvalidArgumentError('It must be a number from 1 to 65535.');
}

function count(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number from 0 on.');
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

function positive(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be a number above 0.');
}

function milliseconds(text: string): number {
  const parsed = duration.safeParse(/^\d+$/.test(text) ? Number(text) : text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('Write a number with a unit, like 30s or 2m, of at most 36500d.');
}

function list(text: string): string[] {
  return text.split(',').flatMap((name) => name.trim() || []);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It is no JSON; write for example \'{"tenant":"acme"}\'.');
  }
}

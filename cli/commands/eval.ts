import { defined } from '../../core/json.ts';
import { casesNamed } from '../../testing/evals/define-eval.ts';
import type { Eval } from '../../testing/evals/define-eval.ts';
import type { EvalReport } from '../../testing/evals/report.ts';
import { credentialProblem, runEval } from '../../testing/evals/run-eval.ts';
import { startTemporalServer } from '../../testing/temporal-server.ts';
import { evalRows, evalTitle, failureLines } from '../eval/rows.ts';
import type { ExitCode } from '../exit-codes.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import { loadEvals } from '../load-module.ts';
import { progressOn } from '../progress.ts';
import { protocolOutput } from '../protocol-output.ts';
import { say, sayAside } from '../say.ts';
import { onSignals } from '../signals.ts';
import { styleFor } from '../style.ts';
import { tableLines } from '../table.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { oneLine, visibleJson } from '../text.ts';

export interface EvalCommandOptions {
  runs?: number;
  filter?: string;
  live?: boolean;
  /** An address. @default a server in memory */
  temporal?: string;
  json?: boolean;
}

/** `plait eval`: runs the evals of a module one after another, each with its cases at the same time. */
export async function evalCommand(module: string, options: EvalCommandOptions): Promise<ExitCode> {
  const { runs, filter, live = false, json = false } = options;
  // Before the module is loaded, because it and its tools may print.
  const output = json ? protocolOutput() : undefined;
  const evals = chosenEvals(await loadEvals(module), filter);
  for (const evaluation of evals) {
    const problem = credentialProblem(evaluation, live);
    if (problem !== undefined)
      throw new CliError(EXIT_CODES.wrongInput, `In ${module}: ${problem}`);
  }
  const server = await findServer(options.temporal);
  const reports: EvalReport[] = [];
  // Without this, the SDK would drain the worker, and the runs would wait for another one.
  const stopListening = onSignals(
    () => void interrupt(server),
    () => process.exit(EXIT_CODES.interrupted),
  );
  try {
    for (const evaluation of evals) {
      const progress = progressOn(process.stderr);
      const onProgress = (done: number, all: number): void =>
        progress.show(oneLine(`${evaluation.name}: ${done} of ${all} runs …`));
      const report = await runEval(evaluation, {
        live,
        temporal: server,
        onProgress,
        ...defined({ runs, filter }),
      }).finally(() => progress.clear());
      reports.push(report);
      if (output === undefined) sayReport(report, reports.length > 1);
    }
  } finally {
    stopListening();
    await server.stop();
  }
  const passed = reports.every((report) => report.passed);
  if (output !== undefined) {
    const text = `${visibleJson({ passed, evals: reports }, 2)}\n`;
    await new Promise((written) => output.write(text, written));
  }
  return passed ? EXIT_CODES.ok : EXIT_CODES.evalFailed;
}

function chosenEvals(evals: readonly Eval[], filter: string | undefined): Eval[] {
  const chosen = evals.filter((one) => casesNamed(one, filter).length > 0);
  if (chosen.length > 0) return chosen;
  const names = evals.flatMap(({ cases }) => cases.map(({ name }) => JSON.stringify(name)));
  throw new CliError(
    EXIT_CODES.wrongInput,
    `No case has ${JSON.stringify(filter)} in its name. The cases are: ${names.join(', ')}.`,
  );
}

interface EvalServer {
  address: string;
  stop(): Promise<void>;
}

async function interrupt(server: EvalServer): Promise<never> {
  sayAside(
    `Interrupted: there is no report. Turns that were under way at ${server.address} do not go on.`,
  );
  try {
    await server.stop();
  } finally {
    process.exit(EXIT_CODES.interrupted);
  }
}

async function findServer(address: string | undefined): Promise<EvalServer> {
  if (address === undefined) return await startTemporalServer({ onProgress: sayAside });
  // Says what to do where nothing answers.
  const target = { ...configuredTarget(), address, namespace: 'default' };
  const client = await connectTo({ ...target, connectionOptions: { address } });
  await client.connection.close();
  return { address, stop: async () => undefined };
}

function sayReport(report: EvalReport, isFurther: boolean): void {
  const style = styleFor(process.stdout);
  if (isFurther) say('');
  const [headings, rows] = evalRows(report);
  say(style.bold(evalTitle(report)));
  const layout = { columns: process.stdout.columns, style };
  for (const line of [...tableLines(headings, rows, layout), ...failureLines(report, style)]) {
    say(line);
  }
}

// The benchmark: `npm run bench`. It needs neither a key nor a server. docs/benchmarks.md explains it.
import { cpus } from 'node:os';
import { Connection } from '@temporalio/client';
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { freePorts } from '../testing/free-ports.ts';
import { startTemporalServer } from '../testing/temporal-server.ts';
import { ActionCounter } from './action-counter.ts';
import { compareResults, comparisonLines } from './check.ts';
import { withContenders } from './contenders.ts';
import { measureActions } from './counted-work.ts';
import { measureLinear } from './linear.ts';
import { measureSession } from './long-session.ts';
import { measure } from './measure.ts';
import { Model } from './model.ts';
import type { Options } from './options.ts';
import { readOptions } from './options.ts';
import { writePage } from './page.ts';
import { installPeers } from './peers.ts';
import { closingLines, findProblems, headerLine, scenarioLines } from './report.ts';
import type { LinearResult, Results, ScenarioResult } from './results.ts';
import { KEPT, readResults, textOf, writeResults } from './results.ts';

/** Temporal's own values of the settings that Plait's development server changes. */
const SERVER_DEFAULTS = {
  'history.transferProcessorMaxPollRPS': '20',
  'history.maximumBufferedEventsBatch': '100',
  'history.timerProcessorMaxTimeShift': '1s',
  'history.workflowIdReuseMinimalInterval': '1s',
};

async function bench(options: Options): Promise<Results> {
  const show = options.json ? () => undefined : print;
  const peers = options.peers ? await installPeers() : undefined;
  const dynamicConfig = options.defaultServerSettings ? SERVER_DEFAULTS : {};
  const [metricsPort = 0] = await freePorts(1);
  await using server = await startTemporalServer({ dynamicConfig, metricsPort });
  const counter = new ActionCounter(metricsPort);
  const model = new Model();
  const { address } = server;
  const machine = {
    cores: cpus().length,
    node: process.versions.node,
    server: await serverVersion(address),
    peers: peers?.versions ?? {},
  };
  try {
    const scenarios = options.scenarios.length > 0 ? await compare() : [];
    const { tables } = options;
    const linear: LinearResult[] = [];
    for (const table of ['linear', 'thousand'] as const) {
      if (tables.includes(table))
        linear.push(...(await measureLinear(table, model, address, show)));
    }
    const session = tables.includes('session') ? await measureSession(model, address, show) : [];
    const actions = tables.includes('actions')
      ? await measureActions({ model, address, counter }, show)
      : [];
    return { machine, scenarios, linear, session, actions };
  } finally {
    await model.close();
  }

  async function compare(): Promise<ScenarioResult[]> {
    return await withContenders({ model, address, peers }, options, async (contenders) => {
      const results: ScenarioResult[] = [];
      show([headerLine()]);
      for (const scenario of options.scenarios) {
        const { repetitions = scenario.repetitions } = options;
        const setting = { contenders, model, counter, repetitions };
        const result = { scenario, measurements: await measure(scenario, setting) };
        results.push(result);
        show(scenarioLines(result));
      }
      show(closingLines(results));
      return results;
    });
  }
}

async function serverVersion(address: string): Promise<string> {
  const connection = await Connection.connect({ address });
  try {
    return (await connection.workflowService.getSystemInfo({})).serverVersion;
  } finally {
    await connection.close();
  }
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

// No warnings: here it is a result when the server terminates a workflow.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: {
    logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} },
  },
});
const options = readOptions(process.argv.slice(2));
// Read before measuring, so that a missing file does not end a long run.
const kept = options.check ? readResults(KEPT) : undefined;
const results = options.from === undefined ? await bench(options) : readResults(options.from);
if (options.json) process.stdout.write(`${textOf(results)}\n`);
const problems = [
  ...findProblems(results.scenarios),
  ...results.linear.flatMap(({ rounds, setup, wrongAnswer }) =>
    wrongAnswer === undefined ? [] : [`${rounds} rounds, ${setup}: wrong answer: ${wrongAnswer}`],
  ),
];
if (kept !== undefined) {
  const comparisons = compareResults(kept, results);
  print(comparisonLines(comparisons));
  const losses = comparisons.filter(({ verdict }) => verdict === 'loss');
  if (losses.length > 0)
    problems.push(`${losses.length} of ${comparisons.length} figures are lost`);
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
// A run with a wrong answer is not worth keeping.
if (options.write && problems.length === 0) {
  writeResults(KEPT, results);
  // From the kept results, which are rounded: then a later run writes the same page from them.
  writePage(readResults(KEPT));
}

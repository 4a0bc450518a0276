// The benchmark: `npm run bench`. It needs neither a key nor a server. docs/benchmarks.md explains it.
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { freePorts } from '../testing/free-ports.ts';
import { startTemporalServer } from '../testing/temporal-server.ts';
import { ActionCounter } from './action-counter.ts';
import type { Contender } from './contender.ts';
import { inProcess } from './contenders/in-process.ts';
import { oneAfterAnother } from './contenders/one-after-another.ts';
import { plait } from './contenders/plait.ts';
import { straightforward } from './contenders/straightforward.ts';
import type { CountedWork } from './counted-work.ts';
import { measureActions } from './counted-work.ts';
import type { LinearResult } from './linear.ts';
import { measureLinear } from './linear.ts';
import type { SessionMoment } from './long-session.ts';
import { measureSession } from './long-session.ts';
import { measure } from './measure.ts';
import { Model } from './model.ts';
import type { Options } from './options.ts';
import { readOptions } from './options.ts';
import type { ScenarioResult } from './measure.ts';
import { closingLines, findProblems, headerLine, scenarioLines } from './report.ts';

/** Temporal's own values of the settings that Plait's development server changes. */
const SERVER_DEFAULTS = {
  'history.transferProcessorMaxPollRPS': '20',
  'history.maximumBufferedEventsBatch': '100',
  'history.timerProcessorMaxTimeShift': '1s',
  'history.workflowIdReuseMinimalInterval': '1s',
};

interface Results {
  readonly scenarios: readonly ScenarioResult[];
  readonly linear: readonly LinearResult[];
  readonly session: readonly SessionMoment[];
  readonly actions: readonly CountedWork[];
}

async function bench(options: Options): Promise<Results> {
  const results: ScenarioResult[] = [];
  const show = options.json ? () => undefined : print;
  const dynamicConfig = options.defaultServerSettings ? SERVER_DEFAULTS : {};
  const [metricsPort = 0] = await freePorts(1);
  await using server = await startTemporalServer({ dynamicConfig, metricsPort });
  const counter = new ActionCounter(metricsPort);
  const model = new Model();
  const { address } = server;
  try {
    if (options.scenarios.length > 0) await compare();
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
    return { scenarios: results, linear, session, actions };
  } finally {
    await model.close();
  }

  async function compare(): Promise<void> {
    const contenders: Contender[] = [inProcess(model), oneAfterAnother(model)];
    try {
      contenders.push(await straightforward(model, address));
      contenders.push(await plait(model, address));
      show([headerLine()]);
      for (const scenario of options.scenarios) {
        const { repetitions = scenario.repetitions } = options;
        const measurements = await measure(scenario, {
          contenders,
          model,
          counter,
          repetitions,
        });
        results.push({ scenario, measurements });
        show(scenarioLines({ scenario, measurements }));
      }
      show(closingLines(results));
    } finally {
      for (const contender of contenders) await contender.close();
    }
  }
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

// No warnings: a workflow that the server terminates is a result here.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: {
    logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} },
  },
});
const options = readOptions(process.argv.slice(2));
const results = await bench(options);
if (options.json) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
const problems = [
  ...findProblems(results.scenarios),
  ...results.linear.flatMap(({ rounds, setup, wrongAnswer }) =>
    wrongAnswer === undefined ? [] : [`${rounds} rounds, ${setup}: wrong answer: ${wrongAnswer}`],
  ),
];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

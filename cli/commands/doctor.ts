import { findingsOf, isHealthy } from '../doctor/findings.ts';
import { gatherFacts } from '../doctor/gather.ts';
import { findingLines, summaryLine } from '../doctor/lines.ts';
import type { ExitCode } from '../exit-codes.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import { loadAgents } from '../load-module.ts';
import { say } from '../say.ts';
import { styleFor } from '../style.ts';
import { configuredTarget } from '../temporal-target.ts';
import { visibleJson } from '../text.ts';

export interface DoctorOptions {
  taskQueue?: string;
  /** A model, or `true` for all models of the agents. @default no model is asked */
  askModel?: string | true;
  storage?: string;
  streamTransport?: string;
  json?: boolean;
}

/** `plait doctor`: whether turns can run here, and what to do where they cannot. */
export async function doctorCommand(
  module: string | undefined,
  options: DoctorOptions,
): Promise<ExitCode> {
  const { taskQueue, askModel, storage, streamTransport, json } = options;
  const agents = module === undefined ? [] : await loadAgents(module);
  const ofAgents = agents.flatMap(({ spec }) => [
    spec.model,
    ...(spec.fallbacks ?? []).map(({ model }) => model),
  ]);
  if (askModel === true && agents.length === 0) {
    const message =
      'Name the model, as in --ask-model claude-opus-5-5, or give the module of your agents.';
    throw new CliError(EXIT_CODES.wrongInput, message);
  }
  const models =
    askModel === true ? [...new Set(ofAgents)] : askModel === undefined ? [] : [askModel];
  const facts = await gatherFacts(configuredTarget(), {
    agents,
    taskQueue,
    storage,
    streamTransport,
    models,
  });
  const findings = findingsOf(facts);
  const healthy = isHealthy(findings);
  if (json === true) say(visibleJson({ healthy, findings }, 2));
  else {
    const layout = { columns: process.stdout.columns, style: styleFor(process.stdout) };
    for (const line of findingLines(findings, layout)) say(line);
    say(`\n${summaryLine(findings)}`);
  }
  return healthy ? EXIT_CODES.ok : EXIT_CODES.unhealthy;
}

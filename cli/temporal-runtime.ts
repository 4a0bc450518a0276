import type { LogEntry } from '@temporalio/worker';
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import type { Style } from './style.ts';
import { oneLine } from './text.ts';

/**
 * Makes Temporal's native runtime for this process, before any worker: a log that leaves room for
 * what the command has to say, and signals left to the command.
 *
 * `quiet` leaves out the workers' warnings. Tools and workflows are heard from INFO on either way.
 */
export function installRuntime(style: Style, { quiet = false } = {}): void {
  const heard = quiet ? new Set(['ERROR']) : new Set(['WARN', 'ERROR']);
  Runtime.install({
    logger: new DefaultLogger('INFO', (entry) => {
      const ofTheUser = SPEAKERS.has(entry.meta?.['sdkComponent']);
      if (ofTheUser || heard.has(entry.level)) process.stderr.write(`${logLine(entry, style)}\n`);
    }),
    telemetryOptions: {
      logging: {
        filter: makeTelemetryFilterString({ core: quiet ? 'ERROR' : 'WARN' }),
        forward: {},
      },
    },
    shutdownSignals: [],
  });
}

/** `ctx.log` of a tool, and `log` of a workflow. */
const SPEAKERS = new Set<unknown>(['activity', 'workflow']);

/** What the SDK adds to every line; all else is what the tool wants to say. */
const SDK_FIELDS = new Set([
  'sdkComponent',
  'taskQueue',
  'namespace',
  'workflowId',
  'workflowRunId',
  'workflowType',
  'runId',
  'activityId',
  'activityType',
  'attempt',
  'isLocal',
  'taskToken',
  'durationMs',
  'error',
]);

function logLine({ level, timestampNanos, message, meta }: LogEntry, style: Style): string {
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString().slice(11, 23);
  const paint = level === 'ERROR' ? style.red : level === 'WARN' ? style.yellow : style.dim;
  const { activityType, attempt, workflowId, error } = meta ?? {};
  const own = Object.entries(meta ?? {}).filter(([key]) => !SDK_FIELDS.has(key));
  const fields = own.map(([key, value]) => ` ${key}=${JSON.stringify(value)}`).join('');
  const about = [
    activityType === undefined ? '' : `${String(activityType)}, attempt ${String(attempt)}`,
    workflowId === undefined ? '' : String(workflowId),
  ].filter((part) => part !== '');
  const place = about.length === 0 ? '' : style.dim(` (${about.join(', ')})`);
  const why = error instanceof Error ? `: ${oneLine(error.message)}` : '';
  return `${style.dim(time)} ${paint(level.padEnd(5))} ${oneLine(message + fields)}${why}${place}`;
}

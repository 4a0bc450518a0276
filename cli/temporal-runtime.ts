import type { LogEntry, MetricsExporterConfig } from '@temporalio/worker';
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { metricBuckets } from '../worker/metric-buckets.ts';
import type { Style } from './style.ts';
import { oneLine, visible } from './text.ts';

/**
 * Creates Temporal's native runtime for this process; call it before any worker is created. Its log is
 * short, and the command handles signals itself.
 *
 * `quiet` leaves out the warnings of workers and of Plait. Lines of tools and workflows are always printed from INFO on.
 *
 * `metrics` is the address at which Prometheus finds the metrics.
 */
export function installRuntime(
  style: Style,
  { quiet = false, metrics }: { quiet?: boolean; metrics?: string } = {},
): void {
  const levels = quiet ? new Set(['ERROR']) : new Set(['WARN', 'ERROR']);
  Runtime.install({
    logger: new DefaultLogger('INFO', (entry) => {
      const isUsers = USER_COMPONENTS.has(entry.meta?.['sdkComponent']);
      if (isUsers || levels.has(entry.level)) process.stderr.write(`${logLine(entry, style)}\n`);
    }),
    telemetryOptions: {
      logging: {
        filter: makeTelemetryFilterString({ core: quiet ? 'ERROR' : 'WARN' }),
        forward: {},
      },
      ...(metrics === undefined ? {} : { metrics: prometheusAt(metrics) }),
    },
    shutdownSignals: [],
  });
}

/** With the names and units that Prometheus expects, also of the SDK's own metrics. */
function prometheusAt(bindAddress: string): MetricsExporterConfig {
  return {
    prometheus: {
      bindAddress,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
      histogramBucketOverrides: metricBuckets,
    },
  };
}

/** `ctx.log` of a tool, and `log` of a workflow. */
const USER_COMPONENTS = new Set<unknown>(['activity', 'workflow']);

/** The SDK adds these to every line. The other fields are the tool's own. */
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

/** One entry of the log; a stack that a tool left is on the lines below. */
export function logLine({ level, timestampNanos, message, meta }: LogEntry, style: Style): string {
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
  const line = `${style.dim(time)} ${paint(level.padEnd(5))} ${oneLine(message + fields)}${why}${place}`;
  if (typeof error !== 'string') return line;
  return [line, ...error.split('\n').map((row) => style.dim(`  ${visible(row)}`))].join('\n');
}

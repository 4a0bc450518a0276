import { IllegalStateError } from '@temporalio/common';
import type { LogLevel } from '@temporalio/worker';
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';

let asked = false;

/**
 * Sets what Temporal's workers of this process log. A process has one such setting: the first call
 * decides, unless the program has called `Runtime.install` itself.
 */
export function quietRuntime(level: LogLevel = 'ERROR'): void {
  if (asked) return;
  asked = true;
  try {
    Runtime.install({
      logger: new DefaultLogger(level),
      telemetryOptions: {
        logging: { filter: makeTelemetryFilterString({ core: level }), forward: {} },
      },
    });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error;
  }
}

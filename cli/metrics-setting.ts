import { isIPv4, isIPv6 } from 'node:net';
import { causeChain } from '../core/failures.ts';
import { CliError, EXIT_CODES } from './exit-codes.ts';

/** Where a worker serves metrics: the command's option, or PLAIT_METRICS. The SDK accepts no host names. */
export function metricsSetting(given: string | undefined): string | undefined {
  const address = given ?? (process.env['PLAIT_METRICS'] || undefined);
  if (address === undefined || isAddress(address)) return address;
  throw new CliError(
    EXIT_CODES.wrongInput,
    `Metrics are served at an IP address and a port, such as 0.0.0.0:9464; got ${JSON.stringify(address)}. Change --metrics or PLAIT_METRICS.`,
  );
}

/** Rewords the SDK's error for an address that it cannot listen on, with what to do. */
export function metricsUnavailable(address: string, error: unknown): CliError {
  const why = causeChain(error);
  return new CliError(
    EXIT_CODES.wrongInput,
    `Metrics cannot be served at ${address}: ${why}. Each worker of a machine needs a port of its own: --metrics or PLAIT_METRICS.`,
    { cause: error },
  );
}

function isAddress(text: string): boolean {
  const [, v6 = '', v4 = '', port = ''] = /^(?:\[(.+)\]|(.+)):(\d{1,5})$/.exec(text) ?? [];
  return (isIPv4(v4) || isIPv6(v6)) && Number(port) >= 1 && Number(port) <= 65_535;
}

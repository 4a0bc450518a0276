import { DefaultLogger, Runtime } from '@temporalio/worker';
import { pino } from 'pino';

/** Call it before you create a worker or connect. */
export function logWithPino(log = pino({ level: 'debug' })): void {
  const logger = new DefaultLogger('DEBUG', ({ level, message, meta }) => {
    log[level.toLowerCase() as 'info'](meta, message);
  });
  Runtime.install({ logger });
}

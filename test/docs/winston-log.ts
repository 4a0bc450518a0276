import { DefaultLogger, Runtime } from '@temporalio/worker';
import { createLogger, format, transports } from 'winston';

const toConsole = { format: format.json(), transports: [new transports.Console()] };

/** Call it before you create a worker or connect. */
export function logWithWinston(log = createLogger({ level: 'debug', ...toConsole })): void {
  const logger = new DefaultLogger('DEBUG', ({ level, message, meta }) => {
    log.log(level.toLowerCase(), message, meta);
  });
  Runtime.install({ logger });
}

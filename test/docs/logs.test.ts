import { Writable } from 'node:stream';
import type { Logger } from '@temporalio/worker';
import { Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { createLogger, format, transports } from 'winston';
import { testGuide } from '../fixtures/guide.ts';
import { logWithPino } from './pino-log.ts';
import { logWithWinston } from './winston-log.ts';

/** What a program writes when the logger that it installs gets a line. */
function written(install: (stream: Writable) => void): unknown {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  let installed: Logger | undefined;
  // A process can do it once, and this one has.
  const spy = vi.spyOn(Runtime, 'install').mockImplementation(({ logger }) => {
    installed = logger;
    return Runtime.instance();
  });
  install(stream);
  spy.mockRestore();
  installed?.debug('Turn ended', { event: 'plait.turn.ended', turnId: 'ticket-1' });
  return JSON.parse(text);
}

describe('docs/logs.md', () => {
  testGuide('docs/logs.md', 2);

  test('sends the lines to pino', () => {
    const line = written((stream) => logWithPino(pino({ level: 'debug' }, stream)));
    expect(line).toMatchObject({ msg: 'Turn ended', event: 'plait.turn.ended', level: 20 });
  });

  test('sends the lines to winston', () => {
    const line = written((stream) => {
      const to = [new transports.Stream({ stream })];
      logWithWinston(createLogger({ level: 'debug', format: format.json(), transports: to }));
    });
    expect(line).toMatchObject({ message: 'Turn ended', turnId: 'ticket-1', level: 'debug' });
  });
});

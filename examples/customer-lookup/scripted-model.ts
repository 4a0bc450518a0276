// The Messages API of the profile `scripted` in docker-compose.yml: it answers the example's questions by a
// script, so that everything runs without a key. It accepts any key.

import { startMessagesServer } from 'plait/testing';
import { customerScript } from './script.ts';

const server = await startMessagesServer({
  script: customerScript,
  host: '0.0.0.0',
  port: 8080,
  keepRequests: false,
});
process.once('SIGTERM', () => void server.close());

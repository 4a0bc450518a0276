// `npm run example <name>` runs examples/<name>/main.ts with a Temporal server and a scripted model
// of its own. The program finds both through the environment, as it would find yours.

import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { argv, env } from 'node:process';
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import type { Script } from 'plait/testing';
import { startMessagesServer, startTemporalServer } from 'plait/testing';

const print = (text: string) => process.stderr.write(`${text}\n`);

async function run(name: string | undefined, live: boolean): Promise<void> {
  const names = readdirSync(import.meta.dirname).filter((folder) =>
    existsSync(join(import.meta.dirname, folder, `main${extname(import.meta.filename)}`)),
  );
  if (name === undefined || !names.includes(name)) {
    throw new Error(`Name one of the examples: ${names.join(', ')}.`);
  }
  if (live && !env['ANTHROPIC_API_KEY']) throw new Error('--live needs ANTHROPIC_API_KEY.');

  await using temporal = await startTemporalServer({ onProgress: print });
  useTemporal(temporal.address);
  await using model = live
    ? undefined
    : await startMessagesServer({ script: await scriptOf(name) });
  if (model) Object.assign(env, { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'scripted' });
  print(`(Temporal at ${temporal.address}, ${live ? 'the real' : 'a scripted'} model)\n`);
  await import(`./${name}/main.ts`);
}

/** Your own profiles and variables may name another server, a key or a certificate: leave them out. */
function useTemporal(address: string): void {
  for (const key of Object.keys(env)) if (key.startsWith('TEMPORAL_')) delete env[key];
  Object.assign(env, { TEMPORAL_ADDRESS: address, TEMPORAL_CONFIG_FILE: '/no/such/file' });
  // Leave out the workers' log, so that you see what the example prints.
  const logging = { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} };
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging } });
}

async function scriptOf(name: string): Promise<Script> {
  const module = (await import(`./${name}/script.ts`)) as { default: Script };
  return module.default;
}

let interrupted = false;
process.once('SIGINT', () => {
  interrupted = true;
});

const options = argv.slice(2);
const name = options.find((option) => !option.startsWith('--'));
try {
  await run(name, options.includes('--live'));
} catch (error) {
  if (interrupted) process.exit(130);
  print(`example: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

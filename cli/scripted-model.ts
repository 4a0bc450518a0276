import type { ClientOptions } from '@anthropic-ai/sdk';
import type { Script } from '../testing/script.ts';
import { CliError, EXIT_CODES } from './exit-codes.ts';
import { loadModule } from './load-module.ts';

/** The name of the model that needs no script. */
const MADE_UP = 'scripted';

/** A model without a key, for `plait dev` and `plait chat --dev`. */
export interface ScriptedModel {
  /** For the worker: how the model is reached. */
  anthropic: ClientOptions;
  /** A description for the report. */
  description: string;
  close(): Promise<void>;
}

/** Starts the model of `--model`: `scripted`, or the path of a script. `undefined` when it is not given. */
export async function startScriptedModel(
  model: string | undefined,
): Promise<ScriptedModel | undefined> {
  if (model === undefined) return undefined;
  const script = await scriptOf(model);
  const { startMessagesServer } = await import('../testing/messages-server.ts');
  const server = await startMessagesServer({ script, keepRequests: false });
  return {
    anthropic: { baseURL: server.url, apiKey: 'scripted' },
    description:
      model === MADE_UP
        ? 'scripted: it calls each tool once, and quotes the results'
        : `scripted by ${model}`,
    close: () => server.close(),
  };
}

async function scriptOf(model: string): Promise<Script> {
  if (model === MADE_UP) return (await import('../testing/scripted-model.ts')).scriptedModel;
  const exported = await loadModule(model, {
    wanted: `Give the module of a script, or --model ${MADE_UP}.`,
  });
  const named = exported['default'] ?? exported['script'];
  const functions = Object.values(exported).filter((one) => typeof one === 'function');
  const script = named ?? (functions.length === 1 ? functions[0] : undefined);
  if (typeof script === 'function') return script as Script;
  throw new CliError(
    EXIT_CODES.wrongInput,
    `${model} does not export a script. Export one as its default, for example what conversation() of plait/testing returns.`,
  );
}

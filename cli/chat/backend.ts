import type { Client } from '@temporalio/client';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { AgentClient } from '../../client/agent-client.ts';
import { clientStorage, devStorage, storageSetting } from '../storage-setting.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import { loadAgents } from '../load-module.ts';
import type { ScriptedModel } from '../scripted-model.ts';
import { startScriptedModel } from '../scripted-model.ts';
import { requireWorker } from '../task-queue.ts';
import type { TemporalTarget } from '../temporal-target.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { findUi } from '../ui-link.ts';
import { hasCredential, NO_CREDENTIAL } from '../../worker/credential.ts';

/** What a chat talks to: running workers, its own worker (`--dev`), or the example (`--demo`). */
export interface Backend {
  client: Client;
  agents: AgentClient;
  /** `undefined` when only the session knows it. */
  agent: string | undefined;
  uiUrl: string | undefined;
  /** The server keeps running when this command ends, and the sessions with it. */
  staysUp: boolean;
  /** Printed first, a line each. */
  hints: readonly string[];
  close(): Promise<void>;
}

export interface BackendOptions {
  taskQueue: string;
  /** A module whose agents this process serves itself. */
  dev?: string;
  /** For `dev`: `scripted`, or the path of a script. @default Claude */
  model?: string;
  demo?: boolean;
  storage?: string;
}

type OnProgress = (text: string) => void;

export async function openBackend(
  agent: string | undefined,
  options: BackendOptions,
  onProgress: OnProgress,
): Promise<Backend> {
  if (options.demo === true) return await openDemo(onProgress);
  if (options.dev !== undefined) return await openDev(agent, options.dev, options, onProgress);
  return await openRunning(agent, options);
}

async function openRunning(
  agent: string | undefined,
  { taskQueue, storage }: BackendOptions,
): Promise<Backend> {
  const target = configuredTarget();
  const client = await connectTo(target, clientStorage(storage));
  try {
    await requireWorker(client, taskQueue);
    return await backendOf(client, target, { agent, taskQueue, uiUrl: undefined, staysUp: true });
  } catch (error) {
    await client.connection.close();
    throw error;
  }
}

async function backendOf(
  client: Client,
  { address }: TemporalTarget,
  about: Pick<Backend, 'agent' | 'uiUrl' | 'staysUp'> & { taskQueue: string },
): Promise<Backend> {
  const { agent, staysUp, taskQueue } = about;
  return {
    client,
    agents: new AgentClient({ client, taskQueue }),
    agent,
    uiUrl: about.uiUrl ?? (await findUi(client, address)),
    staysUp,
    hints: [],
    close: async () => client.connection.close(),
  };
}

/** Starts a worker, and a server if there is none. */
async function openDev(
  agent: string | undefined,
  module: string,
  { taskQueue, storage: given, model: asked }: BackendOptions,
  onProgress: OnProgress,
): Promise<Backend> {
  const storage = storageSetting(given) ?? devStorage();
  // Fails before anything is started.
  const agents = await loadAgents(module);
  const name = chosenAgent(agents, agent, module);
  const model = await startScriptedModel(asked);
  const { findOrStartServer } = await import('../dev-server.ts');
  const { startWorker } = await import('./own-worker.ts');
  const cleanups: (() => Promise<void>)[] = [async () => model?.close()];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const server = await findOrStartServer({}, onProgress);
    cleanups.push(() => server.stop());
    cleanups.push(await startWorker({ target: server, agents, taskQueue, storage, model }));
    const client = await connectTo(server, clientStorage(storage));
    cleanups.push(async () => client.connection.close());
    const staysUp = server.origin !== 'started';
    const about = { agent: name, taskQueue, uiUrl: server.uiUrl, staysUp };
    return { ...(await backendOf(client, server, about)), hints: modelHints(model), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function modelHints(model: ScriptedModel | undefined): string[] {
  if (model !== undefined) return [`The model is ${model.description}.`];
  return hasCredential() ? [] : [NO_CREDENTIAL];
}

function chosenAgent(
  agents: readonly AgentDefinition[],
  asked: string | undefined,
  module: string,
): string {
  const names = agents.map(({ name }) => name);
  const [first, ...others] = names;
  if (asked !== undefined && names.includes(asked)) return asked;
  if (asked === undefined && first !== undefined && others.length === 0) return first;
  const problem = asked === undefined ? 'has several agents' : `has no agent ${asked}`;
  throw new CliError(
    EXIT_CODES.wrongInput,
    `${module} ${problem}. Name one of: ${names.join(', ')}.`,
  );
}

/** The example with everything it needs, and a scripted model. */
async function openDemo(onProgress: OnProgress): Promise<Backend> {
  const { openStage } = await import('../../examples/customer-lookup/stage.ts');
  const { supportDesk } = await import('../../examples/support-desk/agent.ts');
  const { HINTS, supportScript } = await import('../../examples/support-desk/script.ts');
  const stage = await openStage({ agent: supportDesk, script: supportScript }, onProgress);
  const { agents, uiUrl } = stage;
  return {
    client: agents.client,
    agents,
    agent: supportDesk.name,
    uiUrl,
    staysUp: false,
    hints: [`The model is scripted. Try: ${HINTS.join(' Or: ')}`],
    close: () => stage.close(),
  };
}

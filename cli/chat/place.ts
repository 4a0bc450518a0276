import type { Client } from '@temporalio/client';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { AgentClient } from '../../client/agent-client.ts';
import { CliError } from '../cli-error.ts';
import { clientStorage, DEV_STORAGE, storageSetting } from '../storage-setting.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { loadAgents } from '../load-module.ts';
import { requireWorker } from '../task-queue.ts';
import type { TemporalTarget } from '../temporal-target.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { findUi } from '../ui-link.ts';
import { hasKey, NO_KEY_WARNING } from '../worker-report.ts';

/** Where a chat takes place. */
export interface Place {
  client: Client;
  agents: AgentClient;
  /** `undefined` where only the session can tell. */
  agent: string | undefined;
  uiUrl: string | undefined;
  /** Whether sessions are there when this command has ended. */
  livesOn: boolean;
  /** What to say first, a line each. */
  hints: readonly string[];
  close(): Promise<void>;
}

export interface PlaceOptions {
  taskQueue: string;
  /** A module whose agents are served by this very process. */
  dev?: string;
  demo?: boolean;
  storage?: string;
}

type Tell = (text: string) => void;

export async function openPlace(
  agent: string | undefined,
  options: PlaceOptions,
  tell: Tell,
): Promise<Place> {
  if (options.demo === true) return await openDemo(tell);
  if (options.dev !== undefined) return await openDev(agent, options.dev, options, tell);
  return await openRunning(agent, options);
}

async function openRunning(
  agent: string | undefined,
  { taskQueue, storage }: PlaceOptions,
): Promise<Place> {
  const target = configuredTarget();
  const client = await connectTo(target, clientStorage(storage));
  try {
    await requireWorker(client, taskQueue);
    return await placeOf(client, target, { agent, taskQueue, uiUrl: undefined, livesOn: true });
  } catch (error) {
    await client.connection.close();
    throw error;
  }
}

async function placeOf(
  client: Client,
  { address }: TemporalTarget,
  about: Pick<Place, 'agent' | 'uiUrl' | 'livesOn'> & { taskQueue: string },
): Promise<Place> {
  const { agent, livesOn, taskQueue } = about;
  return {
    client,
    agents: new AgentClient({ client, taskQueue }),
    agent,
    uiUrl: about.uiUrl ?? (await findUi(client, address)),
    livesOn,
    hints: [],
    close: async () => client.connection.close(),
  };
}

/** With a worker of its own, and a server where there is none. */
async function openDev(
  agent: string | undefined,
  module: string,
  { taskQueue, storage: given }: PlaceOptions,
  tell: Tell,
): Promise<Place> {
  const storage = storageSetting(given) ?? DEV_STORAGE;
  // First what can be wrong at once.
  const agents = await loadAgents(module);
  const name = chosenAgent(agents, agent, module);
  const { findOrStartServer } = await import('../dev-server.ts');
  const { startWorker } = await import('./own-worker.ts');
  const cleanups: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const server = await findOrStartServer({}, tell);
    cleanups.push(() => server.stop());
    cleanups.push(await startWorker({ target: server, agents, taskQueue, storage }));
    const client = await connectTo(server, clientStorage(storage));
    cleanups.push(async () => client.connection.close());
    const livesOn = server.origin !== 'started';
    const about = { agent: name, taskQueue, uiUrl: server.uiUrl, livesOn };
    const hints = hasKey() ? [] : [NO_KEY_WARNING];
    return { ...(await placeOf(client, server, about)), hints, close };
  } catch (error) {
    await close();
    throw error;
  }
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

/** The example with all that it needs, and a scripted model. */
async function openDemo(tell: Tell): Promise<Place> {
  const { openStage } = await import('../../examples/customer-lookup/stage.ts');
  const { supportDesk } = await import('../../examples/support-desk/agent.ts');
  const { HINTS, supportScript } = await import('../../examples/support-desk/script.ts');
  const stage = await openStage({ agent: supportDesk, script: supportScript }, tell);
  const { agents, uiUrl } = stage;
  return {
    client: agents.client,
    agents,
    agent: supportDesk.name,
    uiUrl,
    livesOn: false,
    hints: [`The model is scripted. Try: ${HINTS.join(' Or: ')}`],
    close: () => stage.close(),
  };
}

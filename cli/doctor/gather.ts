import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { classifyModelError, withoutSecrets } from '../../activities/model/classify-error.ts';
import { modelClient } from '../../activities/model/client.ts';
import { requestReply } from '../../activities/model/request-reply.ts';
import { createSecrets } from '../../activities/model/secrets.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { listWorkflows } from '../../client/lists.ts';
import { searchAttributeTypes, untilKnown } from '../../client/register-search-attributes.ts';
import { PlaitError } from '../../core/errors.ts';
import { causeChain } from '../../core/failures.ts';
import { isRecord } from '../../core/json.ts';
import { DEFAULT_TASK_QUEUE, SESSION_WORKFLOW, TURN_WORKFLOW } from '../../core/names.ts';
import { SEARCH_ATTRIBUTES } from '../../core/search-attributes.ts';
import { checkListing, checkStorage } from '../../storage/check-storage.ts';
import { unusableTransport } from '../../transport/check-transport.ts';
import { hasCredential } from '../../worker/credential.ts';
import { queuesOf } from '../../worker/serve-queues.ts';
import { CliError } from '../exit-codes.ts';
import { clientStorage, configuredTransport } from '../storage-setting.ts';
import { describeQueue, identitiesOf, livePollers } from '../task-queue.ts';
import type { TaskKind } from '../task-queue.ts';
import type { TemporalTarget } from '../temporal-target.ts';
import { connectTo } from '../temporal-target.ts';
import { version } from '../version.ts';
import type {
  AttributeFacts,
  Facts,
  ModelAnswer,
  QueueFacts,
  QueueState,
  ServerFacts,
  StorageFacts,
  TransportFacts,
  Unreachable,
  VersionFacts,
} from './facts.ts';

export interface Wanted {
  agents: readonly AgentDefinition[];
  /** Where turns start. @default the queues where turns are, or the default queue */
  taskQueue: string | undefined;
  storage: string | undefined;
  streamTransport: string | undefined;
  /** Each is asked once; with an empty list none is asked. */
  models: readonly string[];
}

/** Collects all facts. Writes nothing but the object that every worker writes to the storage. */
export async function gatherFacts(target: TemporalTarget, wanted: Wanted): Promise<Facts> {
  const { address, namespace } = target;
  const { agents, models, storage, streamTransport } = wanted;
  return {
    address,
    namespace,
    agents: agents.map(({ name, tools }) => ({
      name,
      tools: [...tools.values()].map(({ name: tool, maxResultBytes }) => ({
        name: tool,
        maxResultBytes,
      })),
    })),
    versions: versions(),
    server: await serverFacts(target, wanted),
    model: {
      hasCredential: hasCredential(),
      baseURL: process.env['ANTHROPIC_BASE_URL'] || undefined,
      asked: await Promise.all(models.map(askModel)),
    },
    storage: await storageFacts(storage),
    transport: await transportFacts(streamTransport),
  };
}

/** gRPC's status for "not found". */
const NOT_FOUND = 5;

async function serverFacts(
  target: TemporalTarget,
  wanted: Wanted,
): Promise<ServerFacts | Unreachable> {
  let client: Client;
  try {
    client = await connectTo(target);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const lacksNamespace = isRecord(error.cause) && error.cause['code'] === NOT_FOUND;
    return { type: 'unreachable', lacksNamespace, problem: error.message };
  }
  try {
    return await reachedServer(client, wanted);
  } finally {
    await client.connection.close();
  }
}

async function reachedServer(client: Client, wanted: Wanted): Promise<ServerFacts> {
  const { workflowService } = client;
  const { namespace } = client.options;
  const asked = performance.now();
  const { serverVersion } = await workflowService.getSystemInfo({});
  const roundTripMs = performance.now() - asked;
  const { config, namespaceInfo } = await workflowService.describeNamespace({ namespace });
  const { limits } = namespaceInfo ?? {};
  return {
    type: 'reached',
    version: serverVersion,
    roundTripMs,
    retentionMs: optionalTsToMs(config?.workflowExecutionRetentionTtl),
    limits: {
      payload: aboveZero(limits?.blobSizeLimitError),
      workflowTask: aboveZero(limits?.workflowTaskCompletionSizeLimitError),
    },
    attributes: await attributeFacts(client),
    queues: await queueFacts(client, wanted),
    clock: await compareClocks(client),
  };
}

/** A number from the server, which sends 0 for none. */
function aboveZero(number: unknown): number | undefined {
  return Number(number ?? 0) || undefined;
}

/** In milliseconds: the server is asked once, and not waited for. */
const USABLE_MS = 1;

async function attributeFacts({ connection, options }: Client): Promise<AttributeFacts> {
  const { namespace } = options;
  const names = Object.keys(SEARCH_ATTRIBUTES);
  try {
    const all = await searchAttributeTypes(connection, namespace);
    return { type: 'known', types: Object.fromEntries(names.map((name) => [name, all[name]])) };
  } catch {
    // Temporal Cloud does not let a client list them, but uses them in queries.
  }
  try {
    const usable: string[] = [];
    for (const name of names) {
      if (await untilKnown(connection, namespace, [name], USABLE_MS)) usable.push(name);
    }
    return { type: 'usable', names: usable };
  } catch (error) {
    return { type: 'unknown', problem: causeChain(error) };
  }
}

/** The queues of the given agents, and those where turns and sessions run. */
async function queueFacts(client: Client, wanted: Wanted): Promise<QueueFacts[]> {
  const { agents, taskQueue = DEFAULT_TASK_QUEUE } = wanted;
  const open = await openByQueue(client);
  const { models, tools } = queuesOf(agents, taskQueue);
  const isMeant = wanted.taskQueue !== undefined || agents.length > 0 || open.size === 0;
  const users = new Map<string, string[]>(isMeant ? [[taskQueue, ['turns']]] : []);
  for (const queue of open.keys()) users.set(queue, ['turns']);
  for (const queue of models) users.set(queue, ['model calls']);
  for (const queue of tools) {
    const here = agents.flatMap((agent) => [...agent.tools.values()]);
    const names = here.filter(({ policy }) => policy.taskQueue === queue).map(({ name }) => name);
    users.set(queue, [...(users.get(queue) ?? []), `tool ${[...new Set(names)].join(', ')}`]);
  }
  return await Promise.all(
    [...users].map(async ([name, usedBy]) => {
      const hasTurns = usedBy.includes('turns');
      const [workflows, activities] = await Promise.all([
        hasTurns ? queueState(client, name, 'workflows') : undefined,
        queueState(client, name, 'activities'),
      ]);
      return { name, usedBy, workflows, activities, open: open.get(name) ?? 0 };
    }),
  );
}

/** Enough to find the queues without reading a namespace of a million sessions. */
const MOST_OPEN = 1_000;

/** How many turns and sessions are open in each task queue, among the newest of each kind. */
async function openByQueue(client: Client): Promise<Map<string, number>> {
  const open = new Map<string, number>();
  for (const type of [TURN_WORKFLOW, SESSION_WORKFLOW]) {
    let seen = 0;
    for await (const { taskQueue } of listWorkflows(client, type, [], { status: 'Running' })) {
      open.set(taskQueue, (open.get(taskQueue) ?? 0) + 1);
      seen += 1;
      if (seen === MOST_OPEN) break;
    }
  }
  return open;
}

async function queueState(client: Client, name: string, kind: TaskKind): Promise<QueueState> {
  const described = await describeQueue(client, name, kind, { whole: true });
  const builds = livePollers(described).flatMap(
    ({ deploymentOptions, workerVersionCapabilities }) =>
      deploymentOptions?.buildId || workerVersionCapabilities?.buildId || [],
  );
  const { stats, config } = described;
  return {
    workers: identitiesOf(described).length,
    builds: [...new Set(builds)],
    backlog: Number(stats?.approximateBacklogCount ?? 0),
    oldestMs: optionalTsToMs(stats?.approximateBacklogAge) ?? 0,
    perSecond: config?.queueRateLimit?.rateLimit?.requestsPerSecond ?? undefined,
  };
}

/** One fixed name, so that many reports leave only one task queue, which never gets a task. */
const CLOCK_QUEUE = 'plait-doctor';
/** The server rejects polls with a timeout below some two seconds. */
const POLL_MS = 10_000;

/**
 * The server reveals its clock only by when each worker last polled. So this polls for a moment, which costs
 * no Action, and reads when the server saw that.
 */
async function compareClocks(client: Client): Promise<ServerFacts['clock']> {
  const { connection, workflowService } = client;
  const { namespace } = client.options;
  const identity = `plait doctor ${randomUUID()}`;
  const request = { namespace, identity, taskQueue: { name: CLOCK_QUEUE } };
  const ended = new AbortController();
  const begunAt = Date.now();
  const failures: unknown[] = [];
  const poll = connection
    .withAbortSignal(ended.signal, () =>
      connection.withDeadline(begunAt + POLL_MS, () =>
        workflowService.pollActivityTaskQueue(request),
      ),
    )
    .catch((error: unknown) => failures.push(error));
  try {
    while (failures.length === 0) {
      const { pollers } = await describeQueue(client, CLOCK_QUEUE, 'activities');
      const time = pollers?.find((one) => one.identity === identity)?.lastAccessTime;
      // The poll arrived at some time between these two moments.
      const aheadMs = (begunAt + Date.now()) / 2 - (optionalTsToMs(time) ?? Number.NaN);
      if (!Number.isNaN(aheadMs)) return { type: 'compared', aheadMs: Math.round(aheadMs) };
    }
    return { type: 'unknown', problem: causeChain(failures[0]) };
  } catch (error) {
    return { type: 'unknown', problem: causeChain(error) };
  } finally {
    ended.abort();
    await poll;
  }
}

/** How long a model may take to answer. */
const MODEL_MS = 60_000;

/** The smallest request that shows whether the key, the address and the model are right. */
async function askModel(model: string): Promise<ModelAnswer> {
  const secrets = createSecrets();
  const begun = performance.now();
  try {
    const params = {
      model,
      max_tokens: 1,
      messages: [{ role: 'user' as const, content: 'Say OK.' }],
    };
    const options = { signal: AbortSignal.timeout(MODEL_MS), idleTimeoutMs: MODEL_MS, secrets };
    await requestReply(modelClient(undefined, secrets)(), params, options);
    return { type: 'answered', model, milliseconds: Math.round(performance.now() - begun) };
  } catch (error) {
    const { message } = withoutSecrets(classifyModelError(error), secrets);
    return { type: 'failed', model, problem: message };
  }
}

async function storageFacts(setting: string | undefined): Promise<StorageFacts> {
  try {
    const storage = clientStorage(setting);
    if (storage === undefined) return { type: 'none' };
    try {
      // List before writing: a volume that is not mounted must stay empty.
      await checkListing(storage);
      await checkStorage(storage);
      return { type: 'usable', location: storage.location };
    } finally {
      await storage.close();
    }
  } catch (error) {
    return { type: 'unusable', problem: messageOf(error) };
  }
}

async function transportFacts(setting: string | undefined): Promise<TransportFacts> {
  try {
    const transport = configuredTransport(setting);
    if (transport === undefined) return { type: 'none' };
    try {
      const problem = await unusableTransport(transport);
      return problem === undefined
        ? { type: 'usable', location: transport.location }
        : { type: 'unusable', problem };
    } finally {
      await transport.close();
    }
  } catch (error) {
    return { type: 'unusable', problem: messageOf(error) };
  }
}

/** Plait's own messages are complete, and repeat no password. */
function messageOf(error: unknown): string {
  return error instanceof PlaitError ? error.message : causeChain(error);
}

const TEMPORAL_PACKAGES = [
  'activity',
  'client',
  'common',
  'envconfig',
  'proto',
  'worker',
  'workflow',
];

/** The versions as Plait resolves them, and as the program in this directory does. */
function versions(): VersionFacts {
  const places = [import.meta.url, join(process.cwd(), 'plait.js')].map((from) =>
    createRequire(from),
  );
  const temporal = TEMPORAL_PACKAGES.map((name) => {
    const found = places.flatMap((require) => versionOf(require, `@temporalio/${name}`));
    return [`@temporalio/${name}`, [...new Set(found)]] as const;
  });
  return {
    plait: version(),
    node: process.versions.node,
    temporal: Object.fromEntries(temporal),
  };
}

function versionOf(require: NodeJS.Require, name: string): string | [] {
  try {
    const text = readFileSync(require.resolve(`${name}/package.json`), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    // A program need not have all of these packages.
    return [];
  }
}

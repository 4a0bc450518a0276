import type { ClientOptions } from '@anthropic-ai/sdk';
import type { StorageDriver } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import { agentsOf, createAgentRegistry } from '../agents/agent-registry.ts';
import type { Duration } from '../agents/check-options.ts';
import { duration, shown } from '../agents/check-options.ts';
import {
  functionProblem,
  given,
  methodsProblem,
  optionalFunctionProblem,
  recordProblem,
  rejectIf,
} from '../core/arguments.ts';
import { isRecord } from '../core/json.ts';
import { storageProblem } from '../storage/data-converter.ts';
import type { StreamTransport } from '../transport/stream-transport.ts';
import { transportProblem } from '../transport/stream-transport.ts';
import { DeclarationError } from '../agents/declaration-error.ts';
import type { AgentDefinition } from '../agents/define-agent.ts';
import type { Traces } from '../core/trace/traces.ts';
import { notTracesProblem } from '../core/trace/traces.ts';
import type { Segment } from '../core/conversation/transcript.ts';
import {
  ANNOUNCE_APPROVAL,
  ANY_OTHER,
  AUTHORIZE_DECISION,
  AWAIT_SESSION_TURN,
  AWAIT_TURN,
  CALL_MODEL,
  CANCEL_TURN,
  PREPARE_CALL,
  PRESENT_RESULT,
  READ_TRANSCRIPT,
  READ_TURN,
  RUN_LOCALLY,
  SEND_TO_SESSION,
  WRITE_TRACE,
} from '../core/names.ts';
import { createCallModel } from './model/call-model.ts';
import type { ModelClient } from './model/client.ts';
import { publishReplies } from './model/publish-reply.ts';
import { modelClient } from './model/client.ts';
import type { Secrets } from './model/secrets.ts';
import { createSecrets } from './model/secrets.ts';
import { createAnnounceApproval } from './tools/announce-approval.ts';
import type { AbandonedTool } from './tools/attempt.ts';
import type { AuthorizeDecision } from './tools/authorize-decision.ts';
import { createAuthorizeDecision } from './tools/authorize-decision.ts';
import { EarlyRuns, MAX_EARLY_RUNS } from './tools/early-runs.ts';
import { createPrepareCall } from './tools/prepare-calls.ts';
import { createPresentResult } from './tools/present-result.ts';
import { withReadResult } from './tools/read-result.ts';
import { createRunTool } from './tools/run-tool.ts';
import { createTranscriptStore } from './transcript/store.ts';
import { awaitSessionTurn } from './turn/await-session-turn.ts';
import { awaitTurn } from './turn/await-turn.ts';
import { cancelTurn } from './turn/cancel-turn.ts';
import { readTurn } from './turn/read-turn.ts';
import { sendToSession } from './turn/send-to-session.ts';
import { Served } from './turn/served.ts';
import { createWriteTrace } from './turn/write-trace.ts';
import { withinTurns } from './within-turn.ts';

/** What `createActivities` takes. */
export interface ActivitiesOptions {
  /** The agents whose turns this worker can run. */
  agents: readonly AgentDefinition[];
  /**
   * How Claude is reached: options of the Anthropic SDK's client, or a client of its family
   * (`AnthropicBedrock`, `AnthropicVertex`, `AnthropicFoundry`, `AnthropicAws`), one for the worker. Its
   * own retries are not used: Temporal retries, and records it.
   *
   * `apiKey` may be an async function, which is called for a key before every request. Where credentials
   * come from a function or a cloud, a request that the API rejects with 401 is sent once more, at once,
   * with new ones; a second 401 is final. Keys are kept out of failures and logs: give them here or in the
   * environment, never to an agent, a tool's result or a turn's context.
   *
   * Throws a `DeclarationError` for a `baseURL` with a user name or a password in it.
   * @default made with the first request by `new Anthropic()`, which reads ANTHROPIC_API_KEY,
   * ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL and ANTHROPIC_CUSTOM_HEADERS
   */
  anthropic?: ModelClient | ClientOptions;
  /**
   * Where long conversations are kept, instead of in history: the same for every worker of a task
   * queue. Without it a turn ends with `turn_too_large` when its conversation nears 1.5 MB.
   *
   * `createWorker` does the rest; in a worker of your own, give its data converter, and that of every
   * client, `withStorage(...)` from `plait/storage` too.
   * @default none
   */
  storage?: StorageDriver;
  /**
   * Where replies are published while the model writes them, for `turn.stream()` of clients with the same
   * transport: Redis or PostgreSQL with `openTransport(…)` from `plait/transport`, or two functions of your
   * own. Only for turns with `stream: true`, which then do without the five heartbeats a second. A turn never
   * waits for it: if it fails, the worker logs that once, and streams get each reply when it is committed. Close
   * it yourself, after the worker.
   * @default none: a partial reply travels in the heartbeats of its request
   */
  streamTransport?: StreamTransport;
  /**
   * Longest silence of the Messages API within a request, before Plait closes it and asks again. Pings end a
   * silence. At most 280 s, because Node's fetch gives up after 300 s.
   * @default '2m'
   */
  modelIdleTimeout?: Duration;
  /**
   * Verifies each decision about a call that waits for a person, an approval or a denial, before it counts.
   * Return `true` to accept it, or a text that says why not: the client throws a `DecisionRejectedError`
   * with it, and the call waits on. `false` and everything else reject it, too.
   *
   * `by` is only what the client says. Verify `proof`, for example a signed token that names the person, the
   * turn, the call and the input.
   *
   * If it throws, it is called again, up to three times in all; then the decision is rejected. If it does not
   * answer within 10 s, or blocks the process for 100 ms, the decision is rejected at once. It may be called
   * more than once for one decision.
   *
   * Give it to every worker that runs turns or model calls: decisions about a call are verified if the worker
   * that received the model's reply has it.
   * @default every decision counts
   * @example
   * authorizeDecision: async ({ turnId, callId, by, proof }) => {
   *   const claims = await verifyToken(proof);
   *   if (claims.turnId !== turnId || claims.callId !== callId) return 'The token is for another call.';
   *   return claims.email === by || `The token is for ${claims.email}.`;
   * }
   */
  authorizeDecision?: AuthorizeDecision;
  /**
   * Where the traces of turns go: `openTelemetry()` of `plait/telemetry`. Each turn then has one more activity at
   * its end, which writes its spans. Give it to every worker, and to the clients that start turns.
   *
   * Throws a `DeclarationError` where no tracer provider is registered, or where it lacks `plaitIdGenerator()`.
   * @default none
   */
  traces?: Traces;
}

const DEFAULT_IDLE_TIMEOUT_MS = 120_000;
const MAX_IDLE_TIMEOUT_MS = 280_000;

/**
 * The activities of Plait, for a worker of your own: `Worker.create({ activities:
 * createActivities({ agents }), … })`, with `plait/workflows` among its workflows. Tools are
 * registered under their names.
 */
export function createActivities(options: ActivitiesOptions): PlaitActivities {
  const abandoned = new Set<AbandonedTool>();
  const earlyRuns = new EarlyRuns(MAX_EARLY_RUNS, abandoned);
  return buildActivities(options, abandoned, earlyRuns).activities;
}

/**
 * `abandoned` holds the tools that still run although their calls have ended. Call `close` when the worker
 * has shut down: it closes the connections to MCP servers.
 */
export function buildActivities(
  options: ActivitiesOptions,
  abandoned: Set<AbandonedTool>,
  earlyRuns: EarlyRuns,
) {
  rejectIf(DeclarationError, optionsProblem(options));
  const agents = agentsOf(options);
  const store = createTranscriptStore(options.storage);
  const registry = createAgentRegistry(
    [...new Set(agents)].map((agent) => withReadResult(agent, store)),
  );
  const { traces } = options;
  const secrets = createSecrets();
  rememberCredentials(secrets, options.anthropic);
  const model = {
    client: modelClient(options.anthropic, secrets, traces),
    secrets,
    idleTimeoutMs: idleTimeout(options),
  };
  const { authorizeDecision, streamTransport } = options;
  const authorizes = authorizeDecision !== undefined;
  const served = new Served(store, {
    secret: (value) => secrets.add(value),
    log: (level, message, details) => {
      const about = { sdkComponent: 'plait', ...details };
      Runtime.instance().logger[level](secrets.redact(message), about);
    },
  });
  const runTool = createRunTool(
    registry,
    store,
    { abandoned, authorizes, earlyRuns, served, traces },
    secrets,
  );
  const serves = agents.some(({ servers = [] }) => servers.length > 0);
  const names = [...registry.toolNames, ...(serves ? [ANY_OTHER] : [])];
  const activities = withinTurns({
    // `fromEntries` defines the property even for a tool that is named `__proto__`.
    ...(Object.fromEntries(names.map((name) => [name, runTool])) as object),
    [RUN_LOCALLY]: runTool,
    [CALL_MODEL]: createCallModel(registry, store, model, {
      authorize: authorizes,
      earlyRuns,
      served,
      traces,
      publisher: streamTransport === undefined ? undefined : publishReplies(streamTransport),
    }),
    // For the result of a turn.
    [READ_TRANSCRIPT]: (segments: Segment[]) => store.load(segments),
    [READ_TURN]: readTurn,
    [CANCEL_TURN]: cancelTurn,
    [AWAIT_TURN]: awaitTurn,
    [SEND_TO_SESSION]: sendToSession,
    [AWAIT_SESSION_TURN]: awaitSessionTurn,
    [PREPARE_CALL]: createPrepareCall(registry, { served, secrets }, authorizes),
    [ANNOUNCE_APPROVAL]: createAnnounceApproval(registry, secrets),
    [WRITE_TRACE]: createWriteTrace(traces, { registry, store, secrets }),
    [PRESENT_RESULT]: createPresentResult(registry, { store, served }, secrets),
    ...(authorizeDecision === undefined
      ? {}
      : { [AUTHORIZE_DECISION]: createAuthorizeDecision(authorizeDecision, secrets) }),
  });
  return { activities, close: () => served.close() };
}

/** The credentials for the model and for Temporal that their SDKs read from the environment. */
const CREDENTIALS = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'ANTHROPIC_FOUNDRY_API_KEY',
  'ANTHROPIC_AWS_API_KEY',
  'AWS_BEARER_TOKEN_BEDROCK',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'TEMPORAL_API_KEY',
] as const;

/** Before the first request: a worker may run a tool without ever having asked the model. */
function rememberCredentials(secrets: Secrets, given: ActivitiesOptions['anthropic']): void {
  const { apiKey, authToken } = given ?? {};
  const headers = (process.env['ANTHROPIC_CUSTOM_HEADERS'] ?? '').split('\n');
  const values = [
    apiKey,
    authToken,
    ...CREDENTIALS.map((name) => process.env[name]),
    ...headers.map((line) => /^[^:]*(?:auth|key|token|secret)[^:]*:(.*)$/i.exec(line)?.[1]?.trim()),
  ];
  for (const value of values) if (typeof value === 'string') secrets.add(value);
}

function optionsProblem(options: ActivitiesOptions): string | undefined {
  const problem = recordProblem('the options of a worker', options);
  if (problem !== undefined) return problem;
  const { agents, storage, anthropic, authorizeDecision, streamTransport, traces } = options;
  if (!Array.isArray(agents)) return `agents must be a list of agents; got ${given(agents)}`;
  const wrong = agents.findIndex((agent: unknown) => !isAgent(agent));
  if (wrong !== -1) {
    return `agents[${wrong}] must be what defineAgent returns; got ${given(agents[wrong])}`;
  }
  return (
    storageProblem('storage', storage) ??
    transportProblem('streamTransport', streamTransport) ??
    anthropicProblem(anthropic) ??
    tracesProblem(traces) ??
    optionalFunctionProblem('authorizeDecision', authorizeDecision)
  );
}

/** Found here once, since the SDK would report it only with each request. */
function anthropicProblem(anthropic: unknown): string | undefined {
  if (anthropic === undefined) return undefined;
  if (!isRecord(anthropic)) return recordProblem('anthropic', anthropic);
  if ('messages' in anthropic) {
    const client = { methods: ['create'], wanted: 'have the function create, as that of a client' };
    return methodsProblem('anthropic.messages', anthropic['messages'], client);
  }
  const { apiKey, fetch } = anthropic;
  return (
    (typeof apiKey === 'function' ? functionProblem('anthropic.apiKey', apiKey) : undefined) ??
    optionalFunctionProblem('anthropic.fetch', fetch)
  );
}

/** Reported before the first turn starts: the first span would be too late. */
function tracesProblem(traces: Traces | undefined): string | undefined {
  if (traces === undefined) return undefined;
  return notTracesProblem('traces', traces) ?? traces.problem();
}

function isAgent(agent: unknown): boolean {
  return isRecord(agent) && typeof agent['name'] === 'string' && agent['tools'] instanceof Map;
}

/** Plait's own activities; tools have activity types of their own beside them. */
export type PlaitActivities = ReturnType<typeof buildActivities>['activities'];

function idleTimeout({ modelIdleTimeout = DEFAULT_IDLE_TIMEOUT_MS }: ActivitiesOptions): number {
  const parsed = duration.safeParse(modelIdleTimeout);
  if (parsed.success && parsed.data <= MAX_IDLE_TIMEOUT_MS) return parsed.data;
  const most = `${MAX_IDLE_TIMEOUT_MS / 1_000} s, since Node's fetch gives up after 300 s of silence`;
  throw new DeclarationError(
    `modelIdleTimeout must be a duration of at most ${most}; got ${shown(modelIdleTimeout)}`,
  );
}

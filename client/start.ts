import { randomUUID } from 'node:crypto';
import type { Client, WorkflowStartOptions } from '@temporalio/client';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { Agent } from '../agents/define-agent.ts';
import { optionalTextProblem, recordProblem, rejectIf, textProblem } from '../core/arguments.ts';
import { areMessages } from '../core/conversation/acceptable.ts';
import type { Message } from '../core/conversation/messages.ts';
import { withoutThinking } from '../core/conversation/sendable.ts';
import { causeChain } from '../core/failures.ts';
import { defined } from '../core/json.ts';
import { SESSION_ID_LIMIT, SESSION_WORKFLOW, TURN_WORKFLOW } from '../core/names.ts';
import type { SessionArgs } from '../core/session/protocol.ts';
import type { TurnInput } from '../core/turn/input.ts';
import { askedWords, detailsOf, summaryOf } from '../core/turn/static-details.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import type { StartSpan, Traces } from '../core/trace/traces.ts';
import type { SessionStart } from './ask-session.ts';
import { withoutFiles } from './client-storage.ts';
import { digestOf } from './digest.ts';
import { InvalidSessionError, SessionIdInUseError, TurnIdInUseError } from './errors.ts';
import type { OpenSessionOptions, StartSessionOptions, StartTurnOptions } from './options.ts';
import {
  attributesOfSession,
  attributesOfTurn,
  nameOf,
  sessionArgs,
  sizeProblem,
  turnArgs,
  turnDigest,
} from './start-arguments.ts';
import { traced } from './traced.ts';
import { aboutServer, aboutTurn, invalidRequest } from './temporal-errors.ts';

/** What an `AgentClient` starts turns and sessions with. */
export interface Starter {
  client: Client;
  /** Where a turn or a session starts whose options do not say. */
  taskQueue: string;
  requestEagerStart: boolean;
  searchable: SearchableStarts;
  /** Where the spans of starts go. @default there are none */
  traces?: Traces | undefined;
}

/** Starts a turn, unless the same turn exists, and returns its id. */
export async function startTurn(
  { client, taskQueue: queue, requestEagerStart, searchable, traces }: Starter,
  agent: Agent | string,
  input: TurnInput,
  options: StartTurnOptions,
): Promise<string> {
  const args = turnArgs(agent, input, options);
  const { agent: name } = args;
  const { taskQueue = queue, user } = options;
  const attributes = attributesOfTurn(name, user);
  const turnId = options.turnId ?? `${name}-${randomUUID()}`;
  const inputDigest = turnDigest(args);
  const sent = { ...args, input: await withoutFiles(client, input, 'input') };
  const problem = sizeProblem(client, sent);
  if (problem !== undefined) throw new InvalidTurnError(problem);
  const shown = hidesWords(agent) ? undefined : input;
  await aboutTurn(turnId, client.options.namespace, async () => {
    try {
      await traced(traces, client, startSpan(client, name, turnId), (workflow) =>
        searchable.start(attributes, (registered) =>
          workflow.start(TURN_WORKFLOW, {
            workflowId: turnId,
            taskQueue,
            args: [sent],
            // An id names one turn for ever, not the latest of several.
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            memo: { agent: name, inputDigest, ...defined({ user, asked: askedWords(shown) }) },
            ...registered,
            ...defined({ requestEagerStart: requestEagerStart || undefined }),
            staticSummary: summaryOf(name, shown),
            staticDetails: detailsOf({ agent: name, user, input: shown }),
          }),
        ),
      );
    } catch (error) {
      const invalid = invalidRequest(error);
      if (invalid !== undefined) throw new InvalidTurnError(invalid, { cause: error });
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const existing = await digestOfTurn(client, turnId);
      if (existing !== inputDigest) throw new TurnIdInUseError(turnId);
    }
  });
  return turnId;
}

function startSpan(client: Client, agent: string, turnId: string): StartSpan {
  return {
    name: `start_turn ${agent}`,
    attributes: { 'gen_ai.agent.name': agent, 'plait.turn.id': turnId },
    turn: { namespace: client.options.namespace, turnId },
    // The turn runs already.
    isExpected: (error) => error instanceof WorkflowExecutionAlreadyStartedError,
  };
}

/** Whether the Temporal UI shows nothing of what people write. Of a name alone nobody knows. */
function hidesWords(agent: Agent | string): boolean {
  return typeof agent !== 'string' && !agent.summaries;
}

/** Starts a session, unless the same session exists, and returns its id. */
export async function startSession(
  starter: Starter,
  agent: Agent | string,
  options: StartSessionOptions,
): Promise<string> {
  const { client, searchable } = starter;
  const name = nameOf(agent, InvalidSessionError);
  rejectIf(InvalidSessionError, recordProblem('options', options));
  const { messages: given = [] } = options;
  const list: unknown = given;
  if (!Array.isArray(list)) {
    throw new InvalidSessionError('messages: messages must be a list of messages');
  }
  rejectIf(InvalidSessionError, optionalTextProblem('sessionId', options.sessionId));
  const sessionId = options.sessionId ?? `${name}-${randomUUID()}`;
  // Anything but messages is left to the check.
  const messages = areMessages(given) ? withoutThinking(given) : (given as Message[]);
  const args = sessionArgs(agent, options, messages);
  const inputDigest = digestOf(args);
  const sent = await withoutFilesOf(client, args);
  const { memo, ...start } = sessionStart(starter, agent, sessionId, sent, options);
  try {
    await searchable.start(attributesOfSession(name, options.user), (attributes) =>
      client.workflow.start(SESSION_WORKFLOW, {
        ...start,
        ...attributes,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        memo: { ...memo, inputDigest },
      }),
    );
  } catch (error) {
    const invalid = invalidRequest(error);
    if (invalid !== undefined) throw new InvalidSessionError(invalid, { cause: error });
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
      throw aboutServer(error, client.options.namespace);
    }
    const { memo: known } = await client.workflow.getHandle(sessionId).describe();
    if (known?.['inputDigest'] !== inputDigest) throw new SessionIdInUseError(sessionId);
  }
  return sessionId;
}

/** How the first message creates a session. */
export interface SessionCreation {
  agent: string;
  start: SessionStart;
  attributes: SearchAttributePair[];
  searchable: SearchableStarts;
}

/** Makes no request. Throws an `InvalidSessionError` for wrong options. */
export function sessionCreation(
  starter: Starter,
  agent: Agent | string,
  sessionId: string,
  options: OpenSessionOptions,
): SessionCreation {
  const args = sessionArgs(agent, options);
  return {
    agent: args.agent,
    attributes: attributesOfSession(args.agent, options.user),
    start: sessionStart(starter, agent, sessionId, args, options),
    searchable: starter.searchable,
  };
}

function sessionStart(
  { client, taskQueue: queue }: Starter,
  agent: Agent | string,
  sessionId: string,
  args: SessionArgs,
  { taskQueue = queue, user }: OpenSessionOptions,
) {
  checkSessionId(sessionId);
  const problem = sizeProblem(client, args);
  if (problem !== undefined) throw new InvalidSessionError(problem);
  const hasStorage = client.options.loadedDataConverter.externalStorage !== undefined;
  return {
    workflowId: sessionId,
    taskQueue,
    args: [hasStorage ? { ...args, storage: true } : args] as [SessionArgs],
    // The session writes the words of later messages beside its turns.
    memo: {
      agent: args.agent,
      ...defined({ user }),
      ...(hidesWords(agent) ? { summaries: false } : {}),
    },
    staticSummary: `${args.agent}: session`,
    staticDetails: detailsOf({ agent: args.agent, user }),
  };
}

/** Throws an `InvalidSessionError` for what no session can have as its id. */
export function checkSessionId(sessionId: unknown): void {
  if (typeof sessionId === 'string' && (sessionId === '' || sessionId.length > SESSION_ID_LIMIT)) {
    throw new InvalidSessionError(`sessionId must have 1 to ${SESSION_ID_LIMIT} characters`);
  }
  rejectIf(InvalidSessionError, textProblem('sessionId', sessionId));
}

async function withoutFilesOf(client: Client, args: SessionArgs): Promise<SessionArgs> {
  if (args.messages === undefined) return args;
  try {
    return { ...args, messages: await withoutFiles(client, args.messages, 'messages') };
  } catch (error) {
    throw error instanceof InvalidTurnError ? new InvalidSessionError(error.message) : error;
  }
}

/**
 * The digest of the arguments of a turn that exists: from its memo, or, where a plain Temporal client
 * started it, from the first event of its history. `undefined` where the workflow is not a turn.
 */
async function digestOfTurn(client: Client, turnId: string): Promise<string | undefined> {
  const description = await client.workflow.getHandle(turnId).describe();
  const digest = description.memo?.['inputDigest'];
  if (typeof digest === 'string') return digest;
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    // The arguments of a later run are only what the first run left to do.
    execution: {
      workflowId: turnId,
      runId: description.raw.workflowExecutionInfo?.firstRunId || description.runId,
    },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  const [args] = await decodeArrayFromPayloads(
    client.options.loadedDataConverter,
    started?.input?.payloads,
  );
  return args === undefined ? undefined : turnDigest(args);
}

type Attributes = Pick<WorkflowStartOptions, 'typedSearchAttributes'>;

/** How long to leave out search attributes after the server rejected them. */
const REJECTED_MS = 5 * 60_000;

/**
 * Starts workflows with search attributes, and without them where the namespace lacks them: they only
 * help to find a workflow, which runs just as well without.
 */
export class SearchableStarts {
  private rejectedUntil = 0;

  async start<T>(
    attributes: SearchAttributePair[],
    request: (attributes: Attributes) => Promise<T>,
  ): Promise<T> {
    if (Date.now() >= this.rejectedUntil) {
      try {
        return await request({ typedSearchAttributes: attributes });
      } catch (error) {
        if (!rejectsAttributes(error)) throw error;
        this.rejectedUntil = Date.now() + REJECTED_MS;
      }
    }
    return await request({});
  }
}

/**
 * Whether a search attribute is not registered, or has another type; then nothing was started. Only the
 * text says so: the SDK keeps nothing else of a rejected Update-with-Start.
 */
function rejectsAttributes(error: unknown): boolean {
  return REJECTION.test(causeChain(error));
}

const REJECTION =
  /no mapping defined for search attribute|search attribute \S+ is not defined|invalid value for search attribute/i;

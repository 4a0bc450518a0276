// Every name that an operator sees in the Temporal UI, and the patterns that names must match.

/** The default task queue of workers and clients. */
export const DEFAULT_TASK_QUEUE = 'plait';

/** Workflow type of one turn. */
export const TURN_WORKFLOW = 'agentTurn';
/** Workflow type of one session. */
export const SESSION_WORKFLOW = 'agentSession';

// Plait's own activities. Tool names cannot contain a dot, so no tool can take the name of one.
export const CALL_MODEL = 'plait.callModel';
export const READ_TRANSCRIPT = 'plait.readTranscript';
export const READ_TURN = 'plait.readTurn';
export const CANCEL_TURN = 'plait.cancelTurn';
export const AWAIT_TURN = 'plait.awaitTurn';
export const SEND_TO_SESSION = 'plait.sendToSession';
export const AWAIT_SESSION_TURN = 'plait.awaitSessionTurn';
export const PREPARE_CALL = 'plait.prepareCall';
export const ANNOUNCE_APPROVAL = 'plait.announceApproval';
export const AUTHORIZE_DECISION = 'plait.authorizeDecision';
export const PRESENT_RESULT = 'plait.presentResult';
export const WRITE_TRACE = 'plait.writeTrace';
/** Runs a call of any tool as a local activity, which cannot have the tool's name: see decision 41. */
export const RUN_LOCALLY = 'plait.runLocally';

/** The SDK's name for the activity that runs every type for which a worker has no other. */
export const ANY_OTHER = 'default';

/** Plait's own tool, which agents also have if there is a storage. */
export const READ_RESULT = 'read_result';

/** Plait's own tool of agents with calls in the background. The workflow itself answers it. */
export const GET_AGENT_RESULT = 'get_agent_result';

/** What the Messages API accepts as the name of a tool. */
export const TOOL_NAME_PATTERN = /^[a-zA-Z0-9_-]{1,64}$/;

/** What it accepts as a name in a `tool_use` block, even if no tool has it. */
export const TOOL_USE_NAME_PATTERN = /^[a-zA-Z0-9_-]{1,128}$/;

/** What the Messages API accepts as the id of a `tool_use` block. */
export const TOOL_USE_ID_PATTERN = /^[a-zA-Z0-9_-]+$/;

/** Temporal rejects activity ids above a limit that servers set to 255 or 1,000 characters. */
export const TOOL_USE_ID_LIMIT = 200;

/** For a workflow id, in bytes of UTF-8: the server's default limit. */
export const WORKFLOW_ID_LIMIT = 1_000;

/** For the key that identifies a message to a session, in characters. */
export const IDEMPOTENCY_KEY_LIMIT = 200;

/** For the suffix that turns add to their session's id: `.turn-1234567`. */
const TURN_SUFFIX_LIMIT = 20;

/**
 * For the id of a new session, in characters: some servers accept ids of 255, and those of its turns are
 * longer.
 */
export const SESSION_ID_LIMIT = 200;

/** Why this cannot be the id of a turn, as the end of a sentence, or `undefined`. */
export function findTurnIdProblem(id: unknown): string | undefined {
  return findIdProblem(id, WORKFLOW_ID_LIMIT);
}

/** The same for a session, whose turns have longer ids. */
export function findSessionIdProblem(id: unknown): string | undefined {
  return findIdProblem(id, WORKFLOW_ID_LIMIT - TURN_SUFFIX_LIMIT);
}

/** The same for a new session: an existing one may have a longer id. */
export function findNewSessionIdProblem(id: unknown): string | undefined {
  if (typeof id === 'string' && id.length > SESSION_ID_LIMIT) {
    return `must have at most ${SESSION_ID_LIMIT} characters; it has ${id.length}`;
  }
  return findSessionIdProblem(id);
}

/** The same for a task queue. */
export function findQueueNameProblem(name: unknown): string | undefined {
  return findIdProblem(name, WORKFLOW_ID_LIMIT);
}

function findIdProblem(id: unknown, limit: number): string | undefined {
  if (typeof id !== 'string' || id === '') return 'must be a text that is not empty';
  if (!id.isWellFormed()) return 'must not hold half of an emoji or of another pair of characters';
  const bytes = new TextEncoder().encode(id).length;
  return bytes > limit ? `must have at most ${limit} bytes; it has ${bytes}` : undefined;
}

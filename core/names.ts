// Every name that an operator sees in the Temporal UI, and the patterns they must keep to.

/** Task queue of workers and clients that do not choose their own. */
export const DEFAULT_TASK_QUEUE = 'plait';

/** Workflow type of one turn. */
export const TURN_WORKFLOW = 'agentTurn';
/** Workflow type of one session. */
export const SESSION_WORKFLOW = 'agentSession';

// Plait's own activities. The dot keeps them out of the alphabet of tool names, so that no tool
// can ever take their place.
export const CALL_MODEL = 'plait.callModel';
export const READ_TRANSCRIPT = 'plait.readTranscript';
export const READ_TURN = 'plait.readTurn';
export const CANCEL_TURN = 'plait.cancelTurn';
export const PREPARE_CALL = 'plait.prepareCall';
export const ANNOUNCE_APPROVAL = 'plait.announceApproval';
export const PRESENT_RESULT = 'plait.presentResult';

/** Plait's own tool, which agents have beside theirs where there is a storage. */
export const READ_RESULT = 'read_result';

/** What the Messages API accepts as the name of a tool. */
export const TOOL_NAME_PATTERN = /^[a-zA-Z0-9_-]{1,64}$/;

/** What it accepts as a name in a `tool_use` block, also one that no tool has. */
export const TOOL_USE_NAME_PATTERN = /^[a-zA-Z0-9_-]{1,128}$/;

/** What the Messages API accepts as the id of a `tool_use` block. */
export const TOOL_USE_ID_PATTERN = /^[a-zA-Z0-9_-]+$/;

/** Temporal refuses activity ids above a limit that servers set to 255 or 1,000 characters. */
export const TOOL_USE_ID_LIMIT = 200;

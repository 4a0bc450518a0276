import type { Inexact } from '../conversation/exact-json.ts';
import { isRecord, shorten } from '../json.ts';
import { GET_AGENT_RESULT, READ_RESULT } from '../names.ts';
import type { BatchStop } from './batch-policy.ts';
import type { Blocker } from './order.ts';
import type { BlockingOutcome, OutcomeType } from './outcome.ts';

// Every sentence of Plait that the model reads, in the order in which a call may meet them. The workflow, the
// workers and the agents' declarations take them from here. Some quote other sources: tools, people, schemas,
// the API, and clauses about budgets and files that people also read.

/** The end of every answer about a tool that is not safe to repeat and may have been at work. */
export const MAY_HAVE_HAPPENED =
  'It may or may not have taken effect; check before calling it again.';

// ---------------------------------------------------------------------------------------------------
// The call cannot run
// ---------------------------------------------------------------------------------------------------

export function unknownToolText(tool: string, available?: readonly string[]): string {
  const text = `There is no tool named ${tool}.`;
  if (available === undefined) return text;
  return `${text} Available tools: ${available.join(', ') || 'none'}.`;
}

export function invalidInputText(tool: string, problem: string): string {
  return `The input does not match the schema of ${tool}, so the tool did not run:\n${shorten(problem, 2_000)}`;
}

/** JavaScript would change the value of the input. */
export function inexactInputText(tool: string, inexact: Inexact): string {
  return `${tool} did not run: ${inexactText(inexact)}`;
}

/** Also used for an answer with a schema. */
export function inexactText(inexact: Inexact): string {
  const path = shorten(inexact.path, MAX_KEY);
  if (inexact.type === 'duplicate key') return `${path} comes twice. Send each key once.`;
  const number = shorten(inexact.literal, MAX_KEY);
  return `${path} is ${number}, a number that cannot be passed on exactly. Send it as a text instead, in quotation marks.`;
}

/** @param givenUpAfter set if the check did not end, so that nobody knows whether the input is valid */
export function inputProblemText(
  tool: string,
  { problem, givenUpAfter }: { problem: string; givenUpAfter?: number },
): string {
  if (givenUpAfter === undefined) return invalidInputText(tool, problem);
  return `The input could not be checked against the schema of ${tool} within ${duration(givenUpAfter)}, so the tool did not run. ${SIMPLER}`;
}

/** The same for a value that is not a tool's input. */
export function notCheckedText(milliseconds: number): string {
  return `It could not be checked within ${duration(milliseconds)}. ${SIMPLER}`;
}

const SIMPLER = 'Send a shorter or simpler one.';

export const TOO_LARGE_TO_CHECK = `It is too large or too deeply nested to be checked. ${SIMPLER}`;

/** More problems add nothing. */
const MAX_PROBLEMS = 50;

/** The problems of a value, one on each line. */
export function problemList<T>(problems: readonly T[], textOf: (problem: T) => string): string {
  const lines = problems.slice(0, MAX_PROBLEMS).map(textOf);
  const left = problems.length - lines.length;
  return [...lines, ...(left === 0 ? [] : [`… and ${left} more`])].join('\n');
}

/** The API splits a toolset's call into actions, unless it does not understand one. */
export function noActionText(toolset: string): string {
  return `The call of ${toolset} names no action, so nothing was done.`;
}

/** The turn or the session still knows a tool that no worker has any more. */
export function toolGoneText(tool: string): string {
  return `The tool ${tool} is no longer available.`;
}

export function toolMissingHereText(agent: string, tool: string): string {
  return `Agent ${agent} has no tool ${tool} on this worker.`;
}

export function noWorkerText(tool: string): string {
  return `No worker of this task queue runs ${tool}; the call had no effect.`;
}

/** A tool that code may call has no `approval` now, but the model may know an earlier declaration. */
export const CODE_CANNOT_WAIT_FOR_APPROVAL =
  'This call needs the approval of a person, and code cannot wait for one, so it did not run. Call the tool directly.';

export const CODE_CANNOT_WAIT_FOR_COMPLETION =
  'ctx.later(): code of the model waits for this call, a few minutes at most, so it cannot be completed from outside. Call the tool directly.';

export const LOCAL_CANNOT_WAIT_FOR_COMPLETION =
  "ctx.later(): a tool with execution: 'local' cannot be completed from outside. Leave out execution.";

// ---------------------------------------------------------------------------------------------------
// A person decides about the call
// ---------------------------------------------------------------------------------------------------

export function deniedText(reason?: string): string {
  const why = reason === undefined || reason.trim() === '' ? '' : `: ${fromOutsideText(reason)}`;
  return `A person denied this call, so it did not run${why}`;
}

export function expiredText(timeout: number): string {
  return `This call needs a person's approval, and nobody decided within ${duration(timeout)}, so it did not run.`;
}

/** Its server has asked a person, and nobody has answered. */
export function unansweredText(server: string, timeout: number): string {
  return `The server ${server} asked for more input in the middle of this call, and nobody answered within ${duration(timeout)}. It has not gone on with the call.`;
}

/** What the server says to that follows. */
export function declinedText(server: string, reason?: string): string {
  const why = reason === undefined || reason.trim() === '' ? '' : `: ${fromOutsideText(reason)}`;
  return `A person declined to answer what the server ${server} asked in the middle of this call${why}`;
}

export function asksTooOftenText(server: string, times: number): string {
  return `The server ${server} has asked for more input ${times} times in this call, and asks again. The call was given up; it may have taken effect in part.`;
}

/** Put before a result, so that the model does not believe that its own input was used. */
export function editedText(input: unknown, { ran }: { ran: boolean }): string {
  const shown = shorten(JSON.stringify(input), MAX_FROM_OUTSIDE);
  return ran
    ? `A person changed the input of this call before it ran. It ran with: ${shown}`
    : `A person changed the input of this call to: ${shown}`;
}

// ---------------------------------------------------------------------------------------------------
// Another call comes first
// ---------------------------------------------------------------------------------------------------

/** What happened to the other call, and what to do next. */
const BLOCKED: Readonly<Record<BlockingOutcome, readonly [happened: string, next: string]>> = {
  failed: ['failed', 'Deal with that first; then call this again if it is still needed.'],
  timedOut: [
    'timed out',
    'Check what that call has done; then call this again if it is still needed.',
  ],
  unknown: [
    'may or may not have taken effect',
    'Check that first; then call this again if it is still needed.',
  ],
  denied: ['was denied', 'Call this again only if it makes sense without that call.'],
  skipped: [
    'was not executed',
    'If both are still needed, call that one first, and this one after it.',
  ],
};

/** `other` is the call at the blocker's index. */
export function blockedText(
  { because, key }: Blocker,
  other: { readonly id: string; readonly name: string },
): string {
  const [happened, next] = BLOCKED[because];
  const met = key === undefined ? 'the two must not overlap' : `both touch ${keyText(key)}`;
  return `Not executed: ${other.name} (${other.id}) ${happened} before it, and ${met}. ${next}`;
}

/** A key may hold anything that the model wrote into a field, and it need not read that again in full. */
const MAX_KEY = 200;

/** `{"path":"/a","line":3}` as `line 3, path "/a"`. */
function keyText(key: string): string {
  const fields: unknown = JSON.parse(key);
  if (!isRecord(fields)) return shorten(key, MAX_KEY);
  const shown = Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return shorten(shown.join(', '), MAX_KEY);
}

/** In the words of Anthropic's own runner. */
export const ACTION_SKIPPED = {
  browser: 'Not executed: an earlier action in this turn failed.',
  computer: 'Not executed: an earlier computer action in this turn failed.',
} as const;

// ---------------------------------------------------------------------------------------------------
// The calls of a reply are stopped, or the turn ends
// ---------------------------------------------------------------------------------------------------

export const CANCELLED = 'The call was cancelled.';

export const CANCELLED_WHILE_RUNNING = `The call was cancelled while it ran. ${MAY_HAVE_HAPPENED}`;

/** @param mayHaveTried an earlier attempt of the call may have failed */
export function neverStartedText(stop: BatchStop, mayHaveTried: boolean): string {
  switch (stop.type) {
    case 'turn cancelled':
      return CANCELLED;
    case 'batch timeout':
    case 'turn timeout':
      return `Not executed: ${timeLimit(stop)} was up ${
        mayHaveTried ? 'while this call waited to run' : 'before this call started'
      }.`;
    case 'sibling failed':
      return `Not executed, because ${siblingFailed(stop)}`;
  }
}

export function stoppedText(stop: BatchStop, repeatable: boolean): string {
  const caveat = repeatable ? '' : ` ${MAY_HAVE_HAPPENED}`;
  switch (stop.type) {
    case 'turn cancelled':
      return repeatable ? CANCELLED : CANCELLED_WHILE_RUNNING;
    case 'batch timeout':
    case 'turn timeout':
      return `Timed out: ${timeLimit(stop)} was up while this call ran.${caveat}`;
    case 'sibling failed':
      return `The call was cancelled while it ran, because ${siblingFailed(stop)}${caveat}`;
  }
}

export function afterEndText(reason: string): string {
  return `Not executed: the turn ended before this call (${reason}).`;
}

/** @param reached a clause, such as "the limit of 3 rounds is reached" */
export function beyondBudgetText(reached: string): string {
  return `Not executed: ${reached}.`;
}

export const OPEN_WHEN_THE_TURN_FAILED = `The turn failed before this call was answered. ${MAY_HAVE_HAPPENED}`;

function timeLimit({ type, milliseconds }: BatchStop & { milliseconds: number }): string {
  return type === 'turn timeout'
    ? turnTimeLimit(milliseconds)
    : `the time limit of ${duration(milliseconds)} for all calls of this reply (batchTimeout)`;
}

export function turnTimeLimit(milliseconds: number): string {
  return `the time limit of ${duration(milliseconds)} for the turn (wallTime)`;
}

/** Shortened: every sibling gets this text, and the whole message is in the answer to the failed call. */
const MAX_SIBLING_REASON = 500;

function siblingFailed({ tool, callId, message }: BatchStop & { type: 'sibling failed' }): string {
  const reason = shorten(message, MAX_SIBLING_REASON);
  return `${tool} (${callId}) failed: ${/[.…]$/.test(reason) ? reason : `${reason}.`}`;
}

// ---------------------------------------------------------------------------------------------------
// The call has run, and there is no result
// ---------------------------------------------------------------------------------------------------

/** The limits of a call, in milliseconds, as the tool declared them. */
interface Limits {
  startToCloseTimeout: number;
  scheduleToStartTimeout?: number | undefined;
  scheduleToCloseTimeout?: number | undefined;
}

/** The server shortens each other limit to `scheduleToCloseTimeout`, and then reports that limit. */
export function timedOutText(limits: Limits, repeatable: boolean): string {
  const { startToCloseTimeout, scheduleToCloseTimeout } = limits;
  const isWhole =
    scheduleToCloseTimeout !== undefined && scheduleToCloseTimeout <= startToCloseTimeout;
  const limit = isWhole
    ? wholeTime(limits)
    : `${duration(startToCloseTimeout)} (startToCloseTimeout)`;
  return notEnded(limit, repeatable);
}

export function outOfTimeText(limits: Limits, repeatable: boolean): string {
  return notEnded(wholeTime(limits), repeatable);
}

export function notStartedText(limits: Limits, repeatable: boolean): string {
  const { scheduleToStartTimeout, scheduleToCloseTimeout = Number.POSITIVE_INFINITY } = limits;
  const isWaiting =
    scheduleToStartTimeout !== undefined && scheduleToStartTimeout < scheduleToCloseTimeout;
  const limit = isWaiting
    ? `${duration(scheduleToStartTimeout)} (scheduleToStartTimeout)`
    : wholeTime(limits);
  // An earlier attempt of a repeatable call may have run.
  return `Timed out: no worker took the call within ${limit}${repeatable ? '' : ', so it did not run'}.`;
}

function notEnded(limit: string, repeatable: boolean): string {
  const text = `Timed out: the call did not end within ${limit}.`;
  return repeatable ? text : `${text} ${MAY_HAVE_HAPPENED}`;
}

function wholeTime({ scheduleToCloseTimeout = 0 }: Limits): string {
  return `${duration(scheduleToCloseTimeout)} (scheduleToCloseTimeout)`;
}

export function workerLostText(heartbeatTimeout: number): string {
  return `The worker that ran the call was lost: no heartbeat for ${duration(heartbeatTimeout)} (heartbeatTimeout).`;
}

export const HAD_NOT_BEGUN = 'The call had not begun, so it had no effect.';

export const TOO_LARGE_LOCALLY =
  'The results of this reply are too large for one workflow task, so the tool runs again, as an activity of its own.';

export const TASK_WAS_LOST_BEFORE =
  'The workflow task was lost with a worker before, perhaps by this call, so the tool runs as an activity of its own.';

export const WORKER_SHUT_DOWN = 'The worker shut down while the tool ran.';

/** Why a call that is safe to repeat is not tried again. */
export function lostTooOftenText(type: 'crash' | 'shutdown', losses: number): string {
  return type === 'crash'
    ? `That happened ${losses} times, so the call itself may be the cause, and it is not tried again. Call it again only with a different input.`
    : `That happened ${losses} times, so the call is not tried again.`;
}

export const STOPPED_BY_OPERATOR =
  'The call was paused or reset by an operator while the tool ran.';

export function interruptedText(attempt: number): string {
  return `Attempt ${attempt} began and was interrupted.`;
}

/** Why a single failure ends a call that would have had more attempts. */
export const NO_TIME_LEFT = ' (no time for another attempt: scheduleToCloseTimeout)';

/** What is known of the attempt before the one that timed out. */
export function beforeText(failure: string | undefined): string {
  return failure === undefined ? '' : ` The attempt before it failed: ${failure}`;
}

export function afterAttempts(attempts: number): string {
  return attempts > 1 ? ` (after ${attempts} attempts)` : '';
}

export function notCompletedText(timeout: number): string {
  return `Timed out: nobody completed this call from outside within ${duration(timeout)}. ${MAY_HAVE_HAPPENED}`;
}

/** The API rejects an error without a text. */
export const NO_MESSAGE = 'The call failed without a message.';

/** In characters; as long as a tool's message may be. */
const MAX_FROM_OUTSIDE = 3_000;

/** A text from outside for the model. Half an emoji in it would make every later request a 400. */
export function fromOutsideText(text: string): string {
  return shorten(text.toWellFormed(), MAX_FROM_OUTSIDE);
}

// ---------------------------------------------------------------------------------------------------
// The call has run the turn of another agent
// ---------------------------------------------------------------------------------------------------

export const SUB_AGENT_SAID_NOTHING = 'The agent has ended its turn without a text.';

/** @param why its stop reason in words, a sentence or a name */
export function subAgentPartText(agent: string, why: string): string {
  return `[Agent ${agent} stopped before it had finished: ${sentence(why)} What it has so far:]`;
}

export function subAgentStoppedText(agent: string, why: string): string {
  return `Agent ${agent} stopped before it had a text: ${sentence(why)}`;
}

export function subAgentDeclinedText(agent: string, why: string): string {
  return `Agent ${agent} declined to answer: ${sentence(why)}`;
}

export function subAgentFailedText(agent: string, cause: string): string {
  return `Agent ${agent} failed: ${sentence(cause)}`;
}

export function subAgentLostText(agent: string, cause: string, repeatable: boolean): string {
  const text = `The turn of agent ${agent} was ended from outside: ${sentence(cause)}`;
  return repeatable ? text : `${text} ${MAY_HAVE_HAPPENED}`;
}

/** @param why the end of a sentence about the session, such as "it is closed." */
export function messageRejectedText(agent: string, sessionId: string, why: string): string {
  return `Agent ${agent} did not run: its session ${shorten(sessionId, MAX_KEY)} did not take the message: ${sentence(why)}`;
}

export function messageUnansweredText(
  agent: string,
  sessionId: string,
  cause: string,
  repeatable: boolean,
): string {
  const text = `The session ${shorten(sessionId, MAX_KEY)} of agent ${agent} did not answer: ${sentence(cause)}`;
  return repeatable ? text : `${text} ${MAY_HAVE_HAPPENED}`;
}

// Ends of the sentences above.

export const RESULT_UNREADABLE = 'its result cannot be read';

export const ANOTHER_WORKFLOW_HAS_ITS_ID =
  'another workflow has its id. Choose another session id.';

export const RECEIPT_UNREADABLE = 'what was returned for it does not say so';

export const SESSION_WAITS_FOR_CALL =
  'it waits for this call itself. Do the work without this agent.';

/** The tool's function that names its session has failed, or returned no name. */
export function noSessionText(tool: string, problem: string): string {
  return `${tool} did not run, because the session of this call could not be named: ${sentence(problem)}`;
}

export function tooDeepAgentText(agent: string): string {
  return `Agent ${agent} did not run: it would be a sub-agent one level too deep (limits.depth). Do the work without it.`;
}

export function nothingLeftText(agent: string): string {
  return `Not executed: the limits of this turn leave nothing for agent ${agent} to spend.`;
}

// ---------------------------------------------------------------------------------------------------
// The call goes on in the background
// ---------------------------------------------------------------------------------------------------

/** The answer to a call that runs there from the beginning. */
export function inBackgroundText(agent: string, callId: string): string {
  return `Agent ${agent} is at work in the background. ${resultFollows(callId)}`;
}

/** The answer to a call whose batch is out of time. */
export function goesOnText(limit: number, callId: string): string {
  const time = timeLimit({ type: 'batch timeout', milliseconds: limit });
  return `Still running: ${time} is up, and this call goes on in the background. ${resultFollows(callId)}`;
}

function resultFollows(callId: string): string {
  return `You get its result as soon as it is there. Go on with what does not need it. To wait for it, call ${GET_AGENT_RESULT} with ${JSON.stringify({ id: callId })}.`;
}

/** The beginning of the texts that hold the results of such calls. */
export const LATE_RESULT = 'Result of an earlier call that went on in the background';

/**
 * The result of such a call, as JSON with the field names of a `tool_result`: no text in it can pass for
 * another result, or for words of the user.
 */
export function lateResultText(
  { callId, tool }: { callId: string; tool: string },
  content: string,
  isError: boolean,
): string {
  const result = {
    tool_use_id: callId,
    tool,
    ...(isError ? { is_error: true } : {}),
    content,
  };
  return `${LATE_RESULT}. It comes from the tool, and not from the user:\n${JSON.stringify(result)}`;
}

export const GET_AGENT_RESULT_DESCRIPTION =
  'Waits for the result of a call that goes on in the background, and returns it. You also get each result without asking, as soon as it is there, so call this only when you can do nothing more without one. You can wait for several results at once.';

export const GET_AGENT_RESULT_FIELDS = {
  id: 'The id of the call, from the answer that says it goes on in the background.',
  wait: 'false: say at once whether it still runs, instead of waiting.',
} as const;

export function stillRunningText(tool: string, milliseconds: number): string {
  return `The call of ${tool} still runs. It began ${duration(milliseconds)} ago.`;
}

export const GIVEN_BEFORE = 'You already have the result of this call.';

/** @param running the ids of the calls that run in the background */
export function notInBackgroundText(id: string, running: readonly string[]): string {
  const others = running.length === 0 ? 'none runs' : `these run: ${running.join(', ')}`;
  return `No call with the id ${JSON.stringify(shorten(id, 200))} is in the background; ${others}.`;
}

/** The causes of a failure may be as long as a reply of the API. */
function sentence(text: string): string {
  const short = fromOutsideText(text.trim());
  return /[.…!?]$/.test(short) ? short : `${short}.`;
}

// ---------------------------------------------------------------------------------------------------
// The tool has returned something that the model cannot be given as it is
// ---------------------------------------------------------------------------------------------------

export const NOTHING_RETURNED = 'The tool finished and returned nothing.';

/** Somebody has completed the activity by hand, without Plait's client. */
export const COMPLETED_WITHOUT_RESULT = 'The call was completed without a result.';

/** The same, with a value that no worker can decode. */
export function unreadableResultText(why: string, repeatable: boolean): string {
  const text = `The call was completed by hand with a result that cannot be read (${why}).`;
  return repeatable ? text : `${text} ${MAY_HAVE_HAPPENED}`;
}

export function noJsonText(problem: string): string {
  return `The tool ran, but its result cannot be turned into JSON: ${problem}`;
}

/** Replaces an image or a document within a tool's data; the file itself follows as a block. */
export function fileBelowText(type: string, number: number): string {
  return `[${type} ${number} of this result: see below]`;
}

/** @param problem a clause about an image or a document, such as "result[0] is …" */
export function cannotBeShownText(problem: string): string {
  return `The tool ran, but what it returned cannot be shown to you: ${problem}.`;
}

export function tooLargeText(bytes: number, limit: number, { files }: { files: boolean }): string {
  const why = files ? ', and its images and documents are not in a storage of the worker' : '';
  return `The tool ran, but its result of ${bytes} bytes is above the limit of ${limit}${why}. ${ASK_FOR_LESS}`;
}

export const ONLY_TEXT_FOR_CODE =
  'The tool ran, but its result holds more than text, and code can only be given text.';

export const BROWSER_STATE_ELSEWHERE =
  'The tool ran, but its result holds a browser_state, which only actions of the browser toolset return.';

export const SEVERAL_BROWSER_STATES =
  'The tool ran, but its result holds more than one browser_state.';

export const ONLY_TEXTS_AND_IMAGES =
  'The tool ran, but its result holds more than texts and images, and an action can only return those.';

/** Replaces a part of a result. `rest` says how to get that part. */
export function cutText(leftOut: number, total: number, rest: string): string {
  return `[… ${grouped(leftOut)} of ${grouped(total)} bytes are left out here. ${rest} …]`;
}

export function readRestText(callId: string, { from, to }: { from: number; to: number }): string {
  return `Read them with ${READ_RESULT} ${JSON.stringify({ id: callId, offset: from })}; they end at offset ${to}.`;
}

const ASK_FOR_LESS = 'Ask for less, or in parts.';
const ABOVE_LIMIT = 'The result is above the limit of this tool';

export const REST_IS_LOST = `${ABOVE_LIMIT}. ${ASK_FOR_LESS}`;

export const REST_IS_TOO_LONG = `${ABOVE_LIMIT}, and too long to be kept. ${ASK_FOR_LESS}`;

export const REST_WAS_NOT_KEPT = `${ABOVE_LIMIT}, and the rest could not be kept. ${ASK_FOR_LESS}`;

/** With a comma at every thousand: 912,345. */
function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

// ---------------------------------------------------------------------------------------------------
// The tool is that of an MCP server
// ---------------------------------------------------------------------------------------------------

/** Part of the system prompt: it stays, so it must not say when the server will be back. */
export function serverAbsentText(server: string): string {
  return `The tools of the server ${server} are not available in this conversation: it could not be reached when the conversation began.`;
}

export function serverUnreachableText(server: string, problem: string): string {
  return `The server ${server} could not be reached, so the tool did not run: ${problem}`;
}

export function serverLostText(server: string, problem: string): string {
  return `The connection to the server ${server} was lost while the tool ran: ${problem}`;
}

/** @param after in milliseconds */
export function serverSilentText(server: string, after: number, repeatable: boolean): string {
  const text = `Timed out: the server ${server} neither answered nor reported progress for ${duration(after)}.`;
  return repeatable ? text : `${text} ${MAY_HAVE_HAPPENED}`;
}

/** The server has answered with an error that says nothing. */
export const SERVED_WITHOUT_MESSAGE = 'The server says that the call failed, but not why.';

export function invalidServedResultText(problem: string): string {
  return `The tool ran, but its result does not match its outputSchema: ${shorten(problem, 2_000)}`;
}

/** Replaces a part of a result that the API does not accept. */
export function notShownText(what: string, mimeType: string, bytes: number): string {
  return `[${what} of type ${mimeType} with ${grouped(bytes)} bytes, which cannot be shown to you]`;
}

/** Before the text of a resource. */
export function resourceText(uri: string): string {
  return `[Resource ${uri}]`;
}

/**
 * A server asks for something in the middle of a call.
 *
 * @param questions in its words
 */
export function inputRequiredText(server: string, questions: readonly string[]): string {
  const asked = questions.map((question) => ` It asks: ${fromOutsideText(question)}`).join('');
  return `The server ${server} asks for more input before it goes on with the call, which is not possible here, so the call was given up.${asked}`;
}

/** It asks for a model or for the user's folders, although it was told that nobody provides them. */
export function unusableQuestionText(server: string, why: string): string {
  return `The server ${server} does not go on with this call: it ${fromOutsideText(why)}, which is not possible here.`;
}

export function busyServerText(server: string): string {
  return `The server ${server} has postponed this call too often. Try again later.`;
}

// ---------------------------------------------------------------------------------------------------
// The conversation has no room for it
// ---------------------------------------------------------------------------------------------------

export function noRoomText(bytes: number): string {
  return `The call succeeded, but its result (${bytes} bytes) does not fit into this conversation any more, because no storage is configured.`;
}

/** A few words, for when thousands of calls share what is left. */
export const NO_ROOM = 'The call succeeded, but its result does not fit.';

/** The same for the other outcomes. `undefined`: no fixed words say more than the beginning of the message. */
export const SHORTEST: Readonly<Record<Exclude<OutcomeType, 'succeeded'>, string | undefined>> = {
  failed: undefined,
  timedOut: MAY_HAVE_HAPPENED,
  unknown: MAY_HAVE_HAPPENED,
  denied: 'Not approved, so it did not run.',
  cancelled: MAY_HAVE_HAPPENED,
  skipped: 'Not executed.',
};

// ---------------------------------------------------------------------------------------------------
// The tool read_result
// ---------------------------------------------------------------------------------------------------

export const READ_RESULT_DESCRIPTION = `Reads parts of an earlier tool result that was too long to be shown whole. If a part of a result is left out, a notice in square brackets stands in its place, with the id and the offset to read from. Returns the text from that offset on, after a line that says which part it is and where the next page begins. You can read several pages at once.`;

export const READ_RESULT_FIELDS = {
  id: 'The id in the notice: that of the call whose result was cut.',
  offset: 'Where to begin, in characters from the beginning of the result.',
  limit: 'How many characters to read at most.',
} as const;

/** The line before a page. */
export function pageText({ from, to, total }: { from: number; to: number; total: number }): string {
  const next = to < total ? `The next page begins at offset ${to}.` : 'This is the end.';
  return `[Offset ${from} to ${to} of ${total} characters. ${next}]`;
}

export function noPageText(offset: number, total: number): string {
  return `[Nothing is at offset ${offset}: the result has ${total} characters.]`;
}

export function notKeptText(id: string): string {
  return `No kept result has the id ${JSON.stringify(shorten(id, 200))}. Only results that were cut are kept, each under the id of its call. Use the id in the notice at the place where something was left out.`;
}

// ---------------------------------------------------------------------------------------------------
// Between the model's replies
// ---------------------------------------------------------------------------------------------------

export function steeringText(message: string): string {
  return `While you were working, the user has sent this message:\n\n${message}`;
}

export function repairText(problem: string): string {
  return `Your reply does not match the required output format:\n${problem}\n\nReply again with the whole corrected JSON and nothing else.`;
}

export const EMPTY_ANSWER = 'It is empty.';

export function notJsonText(problem: string): string {
  return `It is not valid JSON: ${problem}`;
}

export function tooDeepText(levels: number): string {
  return `It is nested more than ${levels} levels deep.`;
}

export const TURN_WAS_LOST =
  'The turn that began with this message was lost. What its tools have done is not known.';

/** Replaces an image or a document. */
export function leftOutText(reason: string): string {
  return `[The API rejected what was here, so it was left out: ${reason}]`;
}

// ---------------------------------------------------------------------------------------------------
// In the system prompt
// ---------------------------------------------------------------------------------------------------

/**
 * Anthropic's own wording, with the clause about dependent calls. It is said to make nearly all possible
 * calls parallel.
 * https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/claude-prompting-best-practices
 */
export const PARALLEL_TOOL_USE = `<use_parallel_tool_calls>
If you intend to call multiple tools and there are no dependencies between the tool calls, make all of the independent tool calls in parallel. Prioritize calling tools simultaneously whenever the actions can be done in parallel rather than sequentially. For example, when reading 3 files, run 3 tool calls in parallel to read all 3 files into context at the same time. Maximize use of parallel tool calls where possible to increase speed and efficiency. However, if some tool calls depend on previous calls to inform dependent values like the parameters, do NOT call these tools in parallel and instead call them sequentially. Never use placeholders or guess missing parameters in tool calls.
</use_parallel_tool_calls>`;

// ---------------------------------------------------------------------------------------------------
// Words
// ---------------------------------------------------------------------------------------------------

export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${milliseconds} ms`;
  const [amount, unit] = [
    [milliseconds / 86_400_000, 'days'],
    [milliseconds / 3_600_000, 'hours'],
    [milliseconds / 60_000, 'minutes'],
  ].find(([value]) => (value as number) >= 2) ?? [milliseconds / 1_000, 's'];
  return `${Math.round((amount as number) * 10) / 10} ${unit}`;
}

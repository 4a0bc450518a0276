import type { Json } from '../json.ts';
import type { Shape } from '../shape.ts';
import {
  anything,
  argument,
  bool,
  byType,
  misfit,
  object,
  oneOf,
  optional,
  said,
  someText,
  text,
  whole,
} from '../shape.ts';
import { TOOL_USE_ID_LIMIT } from '../names.ts';
import { TURN_ID } from './carried.ts';
import { findInputProblem } from './input.ts';
import type { Approve, Authorization, Completion, CompletionResult, Deny } from './protocol.ts';
import type { TurnState } from './state.ts';
import type { SteeringMessage } from './steering.ts';

// What may come to a running turn. Anyone with access to the namespace may send anything, with any client.

/** Who decides and why is for people; the model reads even less of it. */
const MAX_TEXT = 10_000;

const callId = said('be the id of a tool_use block', someText(TOOL_USE_ID_LIMIT));
const decision = {
  callId,
  question: optional(whole(1)),
  by: said('say who decides', someText(MAX_TEXT)),
  reason: optional(text(MAX_TEXT)),
  proof: optional(text(MAX_TEXT)),
};

const APPROVE = argument(
  'approve takes one argument: { callId, by, reason?, input?, question?, answer?, proof? }',
  object<Approve>({ ...decision, input: anything, answer: anything as Shape<Approve['answer']> }),
);
const DENY = argument(
  'deny takes one argument: { callId, by, reason?, question?, dismiss?, proof? }',
  object<Deny>({ ...decision, dismiss: optional(oneOf(true)) }),
);

const RESULT = said(
  'be a value, or say why the call failed',
  byType<CompletionResult>({
    succeeded: { value: anything as Shape<Json> },
    failed: { message: someText(Number.POSITIVE_INFINITY) },
  }),
);

const COMPLETION = argument(
  'completeToolCall takes one argument: { callId, key, result }',
  object<Completion>({ callId, key: text(MAX_TEXT), result: RESULT }),
);

const STEERING = argument(
  'note takes one argument: { turnId, input }',
  object<SteeringMessage>({
    turnId: TURN_ID,
    input: (value) => findInputProblem(value),
    stream: optional(bool),
  }),
);

/** What the worker's `authorizeDecision` said. Somebody may have completed the activity by hand. */
export const AUTHORIZATION = byType<Authorization>({
  authorized: {},
  rejected: { message: text() },
});

export function findApproveProblem(approve: unknown): string | undefined {
  return misfit(APPROVE, approve, 'the argument of approve');
}

export function findDenyProblem(deny: unknown): string | undefined {
  return misfit(DENY, deny, 'the argument of deny');
}

export function findCompletionProblem(completion: unknown): string | undefined {
  return misfit(COMPLETION, completion, 'the argument of completeToolCall');
}

/** More messages than anybody waits for. A session keeps those that its turn does not accept. */
const MAX_STEERING = 100;

export function findSteeringProblem(
  { steering }: Pick<TurnState, 'steering'>,
  message: unknown,
): string | undefined {
  return steering.length >= MAX_STEERING
    ? `${MAX_STEERING} messages wait already`
    : misfit(STEERING, message, 'the argument of note');
}

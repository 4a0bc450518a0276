import type { Shape } from '../shape.ts';
import {
  bool,
  list,
  misfitCarried,
  object,
  oneOf,
  optional,
  text,
  tuple,
  whole,
} from '../shape.ts';
import {
  CONVERSATION_FIELDS,
  INPUT,
  PINNED_AGENT,
  SPENT,
  TURN_ID,
  USAGE,
} from '../turn/carried.ts';
import { TRACE_CONTEXT } from '../trace/context.ts';
import { CALLING_TURN } from './calling-turn.ts';
import type { Receipt, SessionMemory, WaitingTurn } from './memory.ts';
import type { EndedTurn } from './protocol.ts';

const WAITING = object<WaitingTurn>({
  turnId: TURN_ID,
  input: INPUT,
  urgent: optional(oneOf(true)),
  stream: optional(bool),
  calledBy: optional(CALLING_TURN),
  trace: optional(TRACE_CONTEXT),
});

const RECEIPT = tuple<Receipt>(text(), text(), text(), optional(text()) as Shape<string>);

const ENDED = object<EndedTurn>({
  turnId: text(),
  stopReason: text() as Shape<EndedTurn['stopReason']>,
  endedAt: text(),
  message: optional(text()),
});

const MEMORY = object<SessionMemory>({
  ...CONVERSATION_FIELDS,
  agent: optional(PINNED_AGENT),
  next: whole(1),
  waiting: list(WAITING),
  receipts: list(RECEIPT),
  turns: whole(),
  usage: USAGE,
  spent: SPENT,
  last: optional(ENDED),
  closing: optional(oneOf(true)),
});

/** Why an earlier run of a session cannot have handed this on, or `undefined`. */
export function findCarriedProblem(carried: unknown): string | undefined {
  return misfitCarried(MEMORY, carried, 'carried');
}

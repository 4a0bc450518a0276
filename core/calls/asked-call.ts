import { defined } from '../json.ts';
import type { NumberedQuestion } from '../turn/protocol.ts';
import { afterSentence } from './approval.ts';
import type { ApprovalRecord, SettledCall } from './outcome.ts';
import type {
  AnsweredQuestions,
  AskedQuestion,
  CallQuestions,
  QuestionAnswer,
  QuestionRecord,
} from './question.ts';
import { MAX_QUESTION_ROUNDS } from './question.ts';
import { declinedText } from './texts.ts';

/**
 * A call whose server has asked a person: the questions, and what has been decided. A person is asked the
 * questions of one result one after another; the answers go back to the server together.
 */
export interface AskedCall {
  server: string;
  /** How often the server has asked. */
  times: number;
  /** How its tool has run so far. */
  begun: Pick<SettledCall, 'attempts' | 'start' | 'startedEarly'>;
  /** All questions that have been decided. */
  records: readonly QuestionRecord[];
  /** Questions of the newest result that are still open. */
  open: readonly AskedQuestion[];
  /** Answers to the other questions of the newest result, by the server's names. */
  responses: Readonly<Record<string, QuestionAnswer>>;
  state?: string;
}

/** The call after its server has asked, possibly again. */
export function afterQuestions(
  before: AskedCall | undefined,
  { questions, state }: CallQuestions,
  begun: AskedCall['begun'],
): AskedCall {
  const [first] = questions;
  return {
    server: first?.question.server ?? '',
    times: (before?.times ?? 0) + 1,
    begun: { ...begun, ...before?.begun, attempts: begun.attempts + (before?.begun.attempts ?? 0) },
    records: before?.records ?? [],
    open: questions,
    responses: {},
    ...defined({ state }),
  };
}

/** Whether the server has asked too often. */
export function asksTooOften({ times }: AskedCall): boolean {
  return times > MAX_QUESTION_ROUNDS;
}

/** The next question for a person; `undefined` if all are decided. */
export function nextQuestion({ open, records }: AskedCall): NumberedQuestion | undefined {
  const [next] = open;
  return next && { ...next.question, number: records.length + 1 };
}

const DECISIONS = { accept: 'answered', decline: 'declined', cancel: 'dismissed' } as const;

/**
 * The call after a decision about its next question, which was asked at `askedAt` (milliseconds since the
 * epoch). Without an answer, nobody has decided in time.
 */
export function afterDecision(
  asked: AskedCall,
  { by, reason, at }: ApprovalRecord,
  { answer, askedAt }: { answer?: QuestionAnswer | undefined; askedAt: number },
): AskedCall {
  const [decided, ...open] = asked.open;
  if (decided === undefined) return asked;
  const { key, question } = decided;
  const record = {
    number: asked.records.length + 1,
    message: question.message,
    decision: answer === undefined ? 'expired' : DECISIONS[answer.action],
    ...defined({ by, reason }),
    askedAt: new Date(askedAt).toISOString(),
    at,
  } as const;
  const responses = answer === undefined ? asked.responses : { ...asked.responses, [key]: answer };
  return { ...asked, open, records: [...asked.records, record], responses };
}

/** What the server gets once all of its questions are decided. */
export function answersOf({ times, responses, state }: AskedCall): AnsweredQuestions {
  return { times, responses: { ...responses }, ...defined({ state }) };
}

/** Adds the questions to how the call ended. If one was not answered, the model reads that first. */
export function withQuestions(settled: SettledCall, asked: AskedCall | undefined): SettledCall {
  if (asked === undefined) return settled;
  const { server, begun, records } = asked;
  const declined = records.find(({ by, decision }) => by !== undefined && decision !== 'answered');
  const outcome =
    declined === undefined
      ? settled.outcome
      : afterSentence(declinedText(server, declined.reason), settled.outcome);
  return {
    ...settled,
    ...begun,
    outcome,
    attempts: begun.attempts + settled.attempts,
    ...(records.length === 0 ? {} : { questions: [...records] }),
  };
}

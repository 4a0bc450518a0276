import type { TurnHandle } from '../../client/turn-handle.ts';
import { fieldText, findAnswerProblem, readField } from '../../core/calls/question.ts';
import { inexactText } from '../../core/calls/texts.ts';
import { inexactOf } from '../../core/conversation/exact-json.ts';
import type { Json } from '../../core/json.ts';
import type { ApprovalRequest, NumberedQuestion } from '../../core/turn/protocol.ts';
import type { Style } from '../style.ts';
import { oneLine } from '../text.ts';
import { inputLines, questionLines, waitingText } from '../waiting-table.ts';

/** A call that waits for a person, and its turn. */
export interface WaitingRequest {
  turn: TurnHandle;
  request: ApprovalRequest;
}

/** How far the person has got in the form of a server. */
interface Form {
  /** The fields that are left. */
  fields: readonly string[];
  answer: Readonly<Record<string, Json>>;
}

/** What the person is asked about a call. */
export type Question = WaitingRequest & {
  step: 'decide' | 'reason' | 'edit' | 'field';
  form?: Form;
};

/** The part of a question that its texts need. */
type Asked = Pick<Question, 'step' | 'form'> & { request: Pick<ApprovalRequest, 'question'> };

/** What an answer means. */
export type Answered =
  | { type: 'approve'; input?: unknown; answer?: Record<string, Json> }
  | { type: 'deny'; reason?: string }
  | { type: 'later' }
  /** Another question about the same call. */
  | { type: 'ask'; step: Question['step']; form?: Form; problem?: string };

const PROMPTS: Record<Exclude<Question['step'], 'field'>, string> = {
  decide: 'approve? [y]es, [n]o, [e]dit, [l]ater › ',
  reason: 'why not? (the model reads it; Enter for no reason) › ',
  edit: 'input › ',
};

export function promptOf({ step, form, request }: Asked): string {
  const { question } = request;
  if (step === 'field') {
    const name = form?.fields[0] ?? '';
    return `${oneLine(name)} (${oneLine(fieldText(fieldOf(question, name)))}) › `;
  }
  if (step !== 'decide' || question === undefined) return PROMPTS[step];
  return question.type === 'url'
    ? 'have you been there? [y]es, [n]o, [l]ater › '
    : 'answer? [y]es, [n]o, [l]ater › ';
}

const DECISIONS = 'Answer y, n, e or l.';
const ANSWERS = 'Answer y, n or l.';

/** Reads an answer. Pure. */
export function readAnswer(asked: Asked, typed: string): Answered {
  const text = typed.trim();
  const { question } = asked.request;
  switch (asked.step) {
    case 'decide':
      return question === undefined ? decision(text.toLowerCase()) : reaction(question, text);
    case 'reason':
      return text === '' ? { type: 'deny' } : { type: 'deny', reason: text };
    case 'edit':
      if (text === '') return { type: 'ask', step: 'decide' };
      return edited(text);
    case 'field':
      return filled(question, asked.form, text);
  }
}

function edited(text: string): Answered {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    const problem = 'This is not JSON. Enter an empty line to go back.';
    return { type: 'ask', step: 'edit', problem };
  }
  const inexact = inexactOf(text, input);
  return inexact === undefined
    ? { type: 'approve', input }
    : { type: 'ask', step: 'edit', problem: inexactText(inexact) };
}

function decision(text: string): Answered {
  if (text === 'y' || text === 'yes') return { type: 'approve' };
  if (text === 'n' || text === 'no') return { type: 'ask', step: 'reason' };
  if (text === 'e' || text === 'edit') return { type: 'ask', step: 'edit' };
  if (text === 'l' || text === 'later') return { type: 'later' };
  return { type: 'ask', step: 'decide', problem: DECISIONS };
}

/** The reaction to a question of the call's server. */
function reaction(question: NumberedQuestion, typed: string): Answered {
  const text = typed.toLowerCase();
  if (text === 'n' || text === 'no') return { type: 'ask', step: 'reason' };
  if (text === 'l' || text === 'later') return { type: 'later' };
  if (text !== 'y' && text !== 'yes') return { type: 'ask', step: 'decide', problem: ANSWERS };
  if (question.type === 'url') return { type: 'approve' };
  return next(question, { fields: Object.keys(question.schema.properties), answer: {} });
}

function next(question: NumberedQuestion, form: Form): Answered {
  if (form.fields.length > 0) return { type: 'ask', step: 'field', form };
  const problem = findAnswerProblem(question, form.answer);
  if (problem === undefined) return { type: 'approve', answer: { ...form.answer } };
  return { type: 'ask', step: 'decide', problem: `Not sent: ${problem}.` };
}

/** One field of the form; an empty line skips it. */
function filled(
  question: NumberedQuestion | undefined,
  form: Form = { fields: [], answer: {} },
  text: string,
): Answered {
  const [name, ...fields] = form.fields;
  if (question?.type !== 'form' || name === undefined) return { type: 'ask', step: 'decide' };
  if (text === '') return next(question, { ...form, fields });
  const field = fieldOf(question, name);
  const value = valueOf(field, text);
  const schema = { type: 'object', properties: { [name]: field } } as const;
  const problem = findAnswerProblem({ ...question, schema }, { [name]: value });
  return problem === undefined
    ? next(question, { fields, answer: { ...form.answer, [name]: value } })
    : { type: 'ask', step: 'field', form, problem: `${problem}.` };
}

function fieldOf(question: NumberedQuestion | undefined, name: string): Record<string, Json> {
  return (question?.type === 'form' ? question.schema.properties[name] : undefined) ?? {};
}

const YES_AND_NO: Readonly<Record<string, boolean>> = {
  y: true,
  yes: true,
  true: true,
  n: false,
  no: false,
  false: false,
};

/**
 * The typed text as the type of the field; unchanged if that is not possible, so that the check says what is
 * wrong.
 */
function valueOf(schema: Record<string, unknown>, text: string): Json {
  const field = readField(schema);
  switch (field.type) {
    case 'number':
      return Number.isNaN(Number(text)) ? text : Number(text);
    case 'boolean':
      return YES_AND_NO[text.toLowerCase()] ?? text;
    case 'choices':
      return text.split(',').map((one) => one.trim());
    case 'text':
    case 'choice':
    case 'anything':
      return text;
  }
}

/** The call with its whole input, for the person who decides. Pure. */
export function requestLines({ request }: WaitingRequest, style: Style): string[] {
  const { question } = request;
  const what = question === undefined ? 'your approval' : 'your answer';
  return [
    style.yellow(`  ‖ ${waitingText(request)} waits for ${what}`),
    ...inputLines(request.input),
    ...(question === undefined ? [] : questionLines(question)),
  ];
}

/** Which question of which call it is: a call may have several, one after another. */
export function questionKey({ callId, question }: ApprovalRequest): string {
  return `${callId}#${question?.number ?? ''}`;
}

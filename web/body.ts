import { z } from 'zod';
import { isRecord } from '../core/json.ts';
import type { InputBlock } from '../core/conversation/messages.ts';
import { IDEMPOTENCY_KEY_LIMIT } from '../core/names.ts';
import type { SessionInput } from '../core/session/protocol.ts';
import type { Asked } from './approval-id.ts';
import { readApprovalId } from './approval-id.ts';
import type { AgUiMessage, RunIds } from './ag-ui.ts';
import { HttpError } from './http-error.ts';

/** A person's decision about a call. */
export interface Decision extends Asked {
  approved: boolean;
  reason?: string | undefined;
}

/** What a page sends. */
export type Said =
  | { type: 'message'; key: string; input: SessionInput }
  | { type: 'decisions'; decisions: [Decision, ...Decision[]] };

const MAX_ID = 200;
const MAX_REASON = 10_000;

const reason = z.string().max(MAX_REASON).optional();

const part = z.looseObject({ type: z.string() });
type Part = z.output<typeof part>;

const chatMessage = z.looseObject({
  id: z.string().min(1).max(IDEMPOTENCY_KEY_LIMIT),
  role: z.enum(['system', 'user', 'assistant']),
  parts: z.array(part),
});

const chatBody = z.looseObject({
  id: z.string().min(1).max(MAX_ID),
  messages: z.array(chatMessage).min(1),
  trigger: z.string().optional(),
  messageId: z.string().nullish(),
});

const decisionBody = z.strictObject({
  approvalId: z.string(),
  approved: z.boolean(),
  reason,
});

const respondedPart = z.looseObject({
  state: z.literal('approval-responded'),
  approval: z.looseObject({ id: z.string(), approved: z.boolean(), reason }),
});

const textPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const filePart = z.looseObject({ type: z.literal('file'), url: z.string() });

/** Reads what `useChat` sends. Throws an `HttpError` for what it does not accept. */
export function readChatBody(body: unknown): { chatId: string; said: Said } {
  const { id: chatId, messages, trigger, messageId } = parsed(chatBody, body);
  if (trigger === 'regenerate-message') {
    throw new HttpError(400, 'This chat cannot answer again. Send a new message.');
  }
  const named = messages.find(({ id }) => id === messageId);
  if (named?.role === 'user') {
    throw new HttpError(400, 'A message that was sent cannot be changed. Send a new one.');
  }
  const message = named ?? messages.at(-1);
  if (message?.role === 'user') {
    return { chatId, said: { type: 'message', key: message.id, input: inputOf(message.parts) } };
  }
  const [first, ...others] = (message?.parts ?? []).flatMap((one) => {
    const { data } = respondedPart.safeParse(one);
    if (data === undefined) return [];
    const { id: approvalId, approved, reason } = data.approval;
    return [decisionOf({ approvalId, approved, reason })];
  });
  if (first === undefined) throw new HttpError(400, 'The last message must be that of the user.');
  return { chatId, said: { type: 'decisions', decisions: [first, ...others] } };
}

/** What a front end of AG-UI sends. `join` asks for everything that was said, and for the running turn. */
export interface AgUiInput {
  run: RunIds;
  /** The part of the conversation that it has. */
  messages: AgUiMessage[];
  said: Said | { type: 'join' };
}

const runInput = z.looseObject({
  threadId: z.string().min(1).max(MAX_ID),
  runId: z.string().min(1).max(MAX_ID),
  messages: z.array(z.looseObject({ id: z.string(), role: z.string() })),
  resume: z
    .array(
      z.looseObject({
        interruptId: z.string(),
        status: z.enum(['resolved', 'cancelled']),
        payload: z.unknown().optional(),
      }),
    )
    .nullish(),
});

const sentMessage = z.looseObject({
  id: z.string().min(1).max(IDEMPOTENCY_KEY_LIMIT),
  content: z.union([z.string(), z.array(part)]),
});

const decisionPayload = z.looseObject({ approved: z.boolean(), reason });

const mediaPart = z.looseObject({
  type: z.enum(['image', 'document']),
  source: z.looseObject({ type: z.literal('data'), value: z.string(), mimeType: z.string() }),
});

/** Whether the body is an input of AG-UI instead of what `useChat` sends. */
export function isRunInput(body: unknown): boolean {
  return isRecord(body) && 'threadId' in body && 'runId' in body;
}

/** Reads the input of a run. Throws an `HttpError` for what it does not accept. */
export function readRunInput(body: unknown): AgUiInput {
  const { threadId, runId, messages, resume } = parsed(runInput, body);
  const input = { run: { threadId, runId }, messages: messages as unknown as AgUiMessage[] };
  const [first, ...others] = (resume ?? []).map(({ interruptId, status, payload }) => {
    if (status === 'cancelled') return decisionOf({ approvalId: interruptId, approved: false });
    const { data } = decisionPayload.safeParse(payload);
    if (data !== undefined) return decisionOf({ approvalId: interruptId, ...data });
    throw new HttpError(
      400,
      'The payload of a resume entry must be { "approved": true or false, "reason"?: "…" }.',
    );
  });
  if (first !== undefined) {
    return { ...input, said: { type: 'decisions', decisions: [first, ...others] } };
  }
  const last = messages.at(-1);
  if (last?.role !== 'user') return { ...input, said: { type: 'join' } };
  const { id: key, content } = parsed(sentMessage, last);
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return { ...input, said: { type: 'message', key, input: inputOf(parts.map(chatPart)) } };
}

/** A part of an AG-UI message in the form that `useChat` sends. */
function chatPart(one: Part): Part {
  const { data } = mediaPart.safeParse(one);
  if (data === undefined) return one;
  const { mimeType, value } = data.source;
  return { type: 'file', url: `data:${mimeType};base64,${value}` };
}

/** Reads one decision. Throws an `HttpError`. */
export function readDecision(body: unknown): Decision {
  return decisionOf(parsed(decisionBody, body));
}

function decisionOf({ approvalId, approved, reason }: z.output<typeof decisionBody>): Decision {
  const asked = readApprovalId(approvalId);
  if (asked === undefined) throw new HttpError(400, 'This approval id does not name a call.');
  return { ...asked, approved, reason };
}

function parsed<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new HttpError(400, `The body of the request is wrong. ${z.prettifyError(result.error)}`);
}

/** A single text if all parts are texts, otherwise blocks. */
function inputOf(parts: readonly Part[]): SessionInput {
  const blocks = parts.map(blockOf);
  const texts = blocks.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  const input = texts.length === blocks.length ? texts.join('\n') : blocks;
  if (input.length === 0 || (typeof input === 'string' && input.trim() === '')) {
    throw new HttpError(400, 'The message is empty.');
  }
  return input;
}

const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+);base64,(.*)$/s;

function blockOf(part: Part): InputBlock {
  const text = textPart.safeParse(part);
  if (text.success) return { type: 'text', text: text.data.text };
  const file = filePart.safeParse(part);
  const [, mediaType = '', data = ''] = DATA_URL.exec(file.data?.url ?? '') ?? [];
  switch (mediaType) {
    case 'image/gif':
    case 'image/jpeg':
    case 'image/png':
    case 'image/webp':
      return { type: 'image', source: { type: 'base64', media_type: mediaType, data } };
    case 'application/pdf':
      return { type: 'document', source: { type: 'base64', media_type: mediaType, data } };
    default:
      throw new HttpError(
        400,
        'A message may have texts, images (GIF, JPEG, PNG, WebP) and PDF documents.',
      );
  }
}

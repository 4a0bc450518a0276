import { z } from 'zod';
import type { InputBlock } from '../core/conversation/messages.ts';
import { IDEMPOTENCY_KEY_LIMIT } from '../core/names.ts';
import type { SessionInput } from '../core/session/protocol.ts';
import type { Asked } from './approval-id.ts';
import { readApprovalId } from './approval-id.ts';
import { HttpError } from './http-error.ts';

/** A person's decision about a call. */
export interface Decision extends Asked {
  approved: boolean;
  reason?: string | undefined;
}

/** What a page says. */
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

/** Reads what `useChat` sends. Throws an `HttpError` for what it cannot take. */
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

/** A text where it is nothing else. */
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

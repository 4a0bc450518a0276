import { leftOutText } from '../calls/texts.ts';
import type { ModelErrorReport } from '../failures.ts';
import { beginningOf, shorten } from '../json.ts';
import type { InputBlock, Message, ToolResultBlock } from './messages.ts';
import { blocksOf } from './messages.ts';
import type { Transcript } from './transcript.ts';
import { withTail } from './transcript.ts';

/** An image or a document in a call's result that the API rejects. */
export interface RejectedFile {
  /** Index of its message in the tail. */
  message: number;
  /** Index of the `tool_result` in it. */
  block: number;
  /** Index in the content of that. */
  part: number;
  /** What the model reads in its place. */
  text: string;
}

const FILES = /\b(?:images?|pdfs?|documents?|files?)\b/i;
const TOO_LONG = /prompt is too long/i;

/** Whether the API may have rejected a request because of an image or a document in it. */
export function isAboutFiles({ type, status }: ModelErrorReport, message: string): boolean {
  if (status === 413 || type === 'request_too_large') return true;
  const isRejection = status === 400 || (status === null && type === 'invalid_request_error');
  return isRejection && (FILES.test(message) || TOO_LONG.test(message));
}

/** The API's notation for a place: `messages.3.content.0.tool_result.content.1.image.source.base64`. */
const PLACE = /messages\.(\d+)\.content\.(\d+)(?:\.tool_result)?\.content\.(\d+)/g;
const MAX_REASON = 500;

/**
 * The images and documents for which the API has rejected a request, among those in results that the model
 * has not seen yet. If the API names none of them, all are returned: it accepted the request before, so one
 * of them is at fault, or there is one too many.
 *
 * `messages` are those of the request. Its last `tailLength` messages, or all if there are fewer, are the
 * tail.
 */
export function rejectedFiles(
  messages: readonly Message[],
  tailLength: number,
  message: string,
): RejectedFile[] {
  const text = leftOutText(reasonOf(message));
  const offset = messages.length - tailLength;
  const reply = messages.findLastIndex(({ role }) => role === 'assistant');
  const fresh = messages.flatMap((one, i) =>
    i <= reply || i < offset ? [] : filesOf(one).map((place) => ({ ...place, message: i })),
  );
  const named = new Set([...message.matchAll(PLACE)].map(([, ...indexes]) => indexes.join('.')));
  const rejected = fresh.filter((file) => named.has(`${file.message}.${file.block}.${file.part}`));
  return (rejected.length > 0 ? rejected : fresh).map((file) => ({
    ...file,
    message: file.message - offset,
    text,
  }));
}

function reasonOf(message: string): string {
  return shorten(message.replace(/ \(request [^)]*\)/, ''), MAX_REASON);
}

function filesOf({ content }: Message): { block: number; part: number }[] {
  if (typeof content === 'string') return [];
  return content.flatMap((block, i) => {
    if (block.type !== 'tool_result' || !Array.isArray(block.content)) return [];
    return block.content.flatMap(({ type }, part) =>
      type === 'image' || type === 'document' ? [{ block: i, part }] : [],
    );
  });
}

/**
 * Says in words which file the API means if it was in the conversation before: `messages.4.content.0` says
 * nothing to a person who has just sent another one. `dropped` messages came before the request's.
 */
export function earlierFileText(
  messages: readonly Message[],
  rejection: string,
  dropped: number,
): string | undefined {
  const [, at, block, part] =
    /messages\.(\d+)\.content\.(\d+)(?:(?:\.tool_result)?\.content\.(\d+))?/.exec(rejection) ?? [];
  const message = messages[Number(at)];
  const reply = messages.findLastIndex(({ role }) => role === 'assistant');
  if (message === undefined || Number(at) > reply) return undefined;
  const blocks = blocksOf(message);
  const found = blocks[Number(block)];
  const parts = found?.type === 'tool_result' ? found.content : blocks;
  const file = Array.isArray(parts) ? parts[Number(part ?? block)] : undefined;
  if (file?.type !== 'image' && file?.type !== 'document') return undefined;
  const kind = file.type === 'image' ? 'an image' : 'a document';
  const by = found?.type === 'tool_result' ? 'a tool returned' : 'a person sent';
  const text = blocks.find((one) => one.type === 'text')?.text;
  const words = text === undefined ? '' : ` (${JSON.stringify(beginningOf(text, MAX_WORDS))})`;
  return `It means ${kind} that ${by} earlier, in message ${Number(at) + dropped + 1} of ${messages.length + dropped} of the conversation${words}, and not what was sent last. Go on without sending more files, or begin a new conversation without that one.`;
}

const MAX_WORDS = 60;

/** The same messages with texts instead of the rejected files. */
export function withoutRejected(
  tail: readonly Message[],
  rejected: readonly RejectedFile[],
): Message[] {
  return tail.map((message, i) => {
    const here = rejected.filter((file) => file.message === i);
    if (here.length === 0 || typeof message.content === 'string') return message;
    const content = message.content.map((block, j) =>
      withTexts(
        block,
        here.filter((file) => file.block === j),
      ),
    );
    return { ...message, content } as Message;
  });
}

function withTexts(block: InputBlock, rejected: readonly RejectedFile[]): InputBlock {
  if (rejected.length === 0 || block.type !== 'tool_result' || !Array.isArray(block.content)) {
    return block;
  }
  const texts = new Map(rejected.map(({ part, text }) => [part, text]));
  const content = block.content.map((part, i): ToolResultBlock => {
    const text = texts.get(i);
    return text === undefined ? part : { type: 'text', text };
  });
  return { ...block, content };
}

/** The conversation to go on with, without the rejected files. */
export function leaveOut(
  transcript: Transcript,
  rejected: readonly RejectedFile[] | undefined,
): Transcript {
  if (rejected === undefined || rejected.length === 0) return transcript;
  return withTail(transcript, withoutRejected(transcript.tail, rejected));
}

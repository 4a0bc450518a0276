import { within } from '../../agents/in-time.ts';
import { setImmediate } from 'node:timers/promises';
import type { StoredResult } from '../../core/calls/outcome.ts';
import {
  cannotBeShownText,
  noJsonText,
  NOTHING_RETURNED,
  readRestText,
  REST_IS_LOST,
  REST_IS_TOO_LONG,
  REST_WAS_NOT_KEPT,
  tooLargeText,
} from '../../core/calls/texts.ts';
import type { Span } from '../../core/conversation/cut-result.ts';
import {
  cutResult,
  DEFAULT_RESULT_BYTES,
  resultText,
  utf8Bytes,
} from '../../core/conversation/cut-result.ts';
import { findFileProblem } from '../../core/conversation/files.ts';
import type { ToolResultBlock, ToolResultContent } from '../../core/conversation/messages.ts';
import { largeData } from '../../core/conversation/stored-data.ts';
import { jsonBytes } from '../../core/json.ts';
import { MAX_RESULT_BYTES } from '../../core/turn/payload-room.ts';
import type { KeptText, TranscriptStore } from '../transcript/store.ts';
import { isContentBlock } from './content-block.ts';
import { liftFiles, mayHoldFiles } from './lift-files.ts';
import { redactAll } from './redact.ts';
import { NotDataError, toData } from './to-data.ts';

/** The tool ran, but what it returned cannot be given to the model. */
export class InvalidToolResultError extends Error {
  override readonly name = 'InvalidToolResultError' as const;
}

/**
 * Largest text that is kept, in bytes of JSON. A worker holds it several times over while it is written
 * or read (text, JSON, encrypted payload), for several calls at once. The drivers of Temporal's SDKs
 * reject payloads above 50 MiB, and no model reads on through hundreds of pages.
 */
export const MAX_KEPT_BYTES = 20_000_000;

/** In characters. To measure and to cut a longer text would hold up the other calls of the worker. */
const MAX_TEXT = 25_000_000;

/** The call has succeeded, but its time limit runs on: it must not fail because a storage hangs. */
const KEEP_TIMEOUT_MS = 10_000;

/** With less room than this for text, hardly more than the notice would be shown. */
const MIN_TEXT_BYTES = 1_000;

export interface PresentOptions {
  /** The id of the `tool_use` block, by which the model asks for the rest. */
  callId: string;
  /** Limit for the text that the model sees, in bytes. @default DEFAULT_RESULT_BYTES */
  maxResultBytes?: number | undefined;
  /**
   * Limit for all that the model sees, in bytes of JSON. Images and documents count unless they lie in the
   * storage. @default MAX_RESULT_BYTES
   */
  payloadLimit?: number | undefined;
  /** Limit for the text in bytes of JSON, where the results of a batch have to fit into one payload. */
  textLimit?: number | undefined;
  store: Pick<TranscriptStore, 'hasStorage' | 'keep' | 'takeOut'>;
  /** Takes the worker's credentials out of a text. @default leaves it as it is */
  redact?: (text: string) => string;
}

export interface PresentedResult {
  content: ToolResultContent;
  /** Where the full text lies; absent where nothing was cut or nothing could be kept. */
  stored?: StoredResult;
}

/**
 * What the model sees of what `run` returned. Text above a limit is cut, and kept in full for
 * `read_result` where there is a storage. Images and documents are not cut; large ones are stored there.
 * Throws an `InvalidToolResultError` where that is not enough, and for an image or a document that the
 * API would reject.
 */
export async function presentResult(
  value: unknown,
  options: PresentOptions,
): Promise<PresentedResult> {
  const { maxResultBytes = DEFAULT_RESULT_BYTES, payloadLimit = MAX_RESULT_BYTES } = options;
  const { textLimit = Number.POSITIVE_INFINITY } = options;
  const fits = (shown: ToolResultContent) =>
    jsonBytes(shown) <= payloadLimit &&
    (textLimit === Number.POSITIVE_INFINITY || jsonBytes(resultText(shown)) <= textLimit);
  const checked = checkedContent(value);
  const clean = options.redact === undefined ? checked : await redactAll(checked, options.redact);
  const content = await withoutData(clean, options.store);
  const text = resultText(content);
  await othersFirst(text);
  if (utf8Bytes(text) <= maxResultBytes && fits(content)) return { content };

  const room = payloadLimit - jsonBytes(withoutTexts(content));
  if (room < MIN_TEXT_BYTES) throw tooLarge(jsonBytes(content), payloadLimit, content);
  const { kept, tellRest } = await keepRest(text, options);
  await othersFirst(text);
  // How much longer the text is as JSON, and how many notices come on top, shows only when it is cut.
  const most = Math.min(maxResultBytes, room, textLimit);
  for (let limit = most; limit >= 1; limit = Math.floor(limit * 0.9)) {
    const shown = cutResult(content, limit, tellRest).content;
    if (!fits(shown)) continue;
    return kept === undefined
      ? { content: shown }
      : { content: shown, stored: { callId: options.callId, ...kept } };
  }
  throw tooLarge(jsonBytes(content), payloadLimit, content);
}

/** Large texts take several steps of a tenth of a second. Between them other calls have their turn. */
async function othersFirst(text: string): Promise<void> {
  if (text.length > 1_000_000) await setImmediate();
}

/** Where they cannot be stored, images and documents stay where they are, and have to fit. */
async function withoutData(
  content: ToolResultContent,
  store: PresentOptions['store'],
): Promise<ToolResultContent> {
  if (largeData(content).length === 0) return content;
  return (await ifInTime(store.takeOut(content))) ?? content;
}

function withoutTexts(content: ToolResultContent): ToolResultContent {
  return typeof content === 'string' ? '' : content.filter(({ type }) => type !== 'text');
}

/** Keeps the full text if it can. The call has succeeded, so without it the model gets what is shown. */
async function keepRest(
  text: string,
  { callId, store }: PresentOptions,
): Promise<{ kept?: KeptText; tellRest: (leftOut: Span) => string }> {
  if (!store.hasStorage) return { tellRest: () => REST_IS_LOST };
  if (isTooLongToKeep(text)) return { tellRest: () => REST_IS_TOO_LONG };
  const kept = await ifInTime(store.keep(text));
  if (kept === undefined) return { tellRest: () => REST_WAS_NOT_KEPT };
  return { kept, tellRest: (leftOut) => readRestText(callId, leftOut) };
}

/** Measured only where it may matter: in JSON a character takes up to six bytes. */
function isTooLongToKeep(text: string): boolean {
  if (text.length * 6 < MAX_KEPT_BYTES) return false;
  return text.length + 2 > MAX_KEPT_BYTES || jsonBytes(text) > MAX_KEPT_BYTES;
}

/** `undefined` where it fails or takes too long. */
async function ifInTime<T>(work: Promise<T>): Promise<T | undefined> {
  return await within(work, KEEP_TIMEOUT_MS).catch(() => undefined);
}

/** Turns what `run` returned into the content of a `tool_result`. */
export function toolResultContent(
  value: unknown,
  limit: number = MAX_RESULT_BYTES,
): ToolResultContent {
  const content = checkedContent(value);
  const bytes = jsonBytes(content);
  if (bytes > limit) throw tooLarge(bytes, limit, content);
  return content;
}

function tooLarge(
  bytes: number,
  limit: number,
  content: ToolResultContent,
): InvalidToolResultError {
  const files = largeData(content).length > 0;
  return new InvalidToolResultError(tooLargeText(bytes, limit, { files }));
}

function checkedContent(value: unknown): ToolResultContent {
  const content = toContent(value);
  const problem = typeof content === 'string' ? undefined : findFileProblem(content, 'result');
  if (problem === undefined) return content;
  throw new InvalidToolResultError(cannotBeShownText(problem));
}

/** The API rejects texts without any visible character. */
function asText(text: string): string {
  return text.trim() === '' ? NOTHING_RETURNED : text.toWellFormed();
}

function toContent(value: unknown): ToolResultContent {
  if (value === undefined || value === null) return NOTHING_RETURNED;
  if (typeof value === 'string') {
    if (value.length > MAX_TEXT) throw tooLarge(value.length, MAX_TEXT, '');
    return asText(value);
  }
  try {
    const data = toData(value);
    // A bigint, or a number such as NaN.
    if (typeof value !== 'object' && typeof data === 'string') return asText(data);
    const json = JSON.stringify(data);
    if (isBlocks(data)) return wellFormed(json);
    const blocks = mayHoldFiles(json) ? liftFiles(data) : undefined;
    return blocks === undefined ? json.toWellFormed() : wellFormed(JSON.stringify(blocks));
  } catch (error) {
    if (!(error instanceof NotDataError)) throw error;
    throw new InvalidToolResultError(noJsonText(error.message));
  }
}

function isBlocks(value: unknown): value is ToolResultBlock[] {
  return Array.isArray(value) && value.length > 0 && value.every(isContentBlock);
}

/**
 * Without half surrogate pairs, which a tool that cuts texts may leave: the API rejects a request that
 * holds one, and with it every later request of the conversation.
 */
function wellFormed(json: string): ToolResultBlock[] {
  return JSON.parse(json, (_key, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  ) as ToolResultBlock[];
}

import { within } from '../../agents/in-time.ts';
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
import { jsonBytes, wellFormed } from '../../core/json.ts';
import { MAX_RESULT_BYTES } from '../../core/turn/payload-room.ts';
import type { KeptText, TranscriptStore } from '../transcript/store.ts';
import { isContentBlock } from './content-block.ts';
import { liftFiles, mayHoldFiles } from './lift-files.ts';
import { redactAll } from './redact.ts';
import { sharing } from './sharing.ts';
import { NotDataError, toData } from './to-data.ts';

/** The tool ran, but the model cannot be given what it returned. */
export class InvalidToolResultError extends Error {
  override readonly name = 'InvalidToolResultError' as const;
}

/**
 * The largest text that is kept, in bytes of JSON. A worker holds it several times over while it writes or
 * reads it (text, JSON, encrypted payload), and for several calls at once. The drivers of Temporal's SDKs
 * reject payloads above 50 MiB, and no model reads hundreds of pages.
 */
export const MAX_KEPT_BYTES = 20_000_000;

/** In bytes of UTF-8. Measuring and cutting a longer text would hold up the other calls of the worker. */
const MAX_TEXT_BYTES = 25_000_000;

/** The call has succeeded, but its time limit still runs: it must not fail because the storage hangs. */
const KEEP_TIMEOUT_MS = 10_000;

/** With less room for text, little more than the notice would be shown. */
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
  const pause = sharing();
  const checked = await inTurns(checkedContent(value), pause);
  const clean = options.redact === undefined ? checked : await redactAll(checked, options.redact);
  const content = await withoutData(clean, options.store);
  await pause();
  const text = resultText(content);
  if (utf8Bytes(text) <= maxResultBytes && fits(content)) return { content };

  const room = payloadLimit - jsonBytes(withoutTexts(content));
  if (room < MIN_TEXT_BYTES) throw tooLarge(jsonBytes(content), payloadLimit, content);
  const { kept, tellRest } = await keepRest(text, options);
  // Only a cut text shows how many bytes its JSON and its notices take.
  const most = Math.min(maxResultBytes, room, textLimit);
  for (let limit = most; limit >= 1; limit = Math.floor(limit * 0.9)) {
    await pause();
    const shown = cutResult(content, limit, tellRest).content;
    if (!fits(shown)) continue;
    return kept === undefined
      ? { content: shown }
      : { content: shown, stored: { callId: options.callId, ...kept } };
  }
  throw tooLarge(jsonBytes(content), payloadLimit, content);
}

/** Work that may pause between its steps. */
type Steps<T> = Generator<undefined, T>;

/** A large result takes several steps of up to a tenth of a second. Other calls get their turn between them. */
async function inTurns<T>(steps: Steps<T>, pause: () => Promise<void>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await pause();
  }
}

function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Files that cannot be stored stay in place, and have to fit. */
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

/** Keeps the full text if possible. If not, the call still succeeds, and the model gets the shortened text. */
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

/** Measured only where it may matter: a character takes up to six bytes in JSON. */
function isTooLongToKeep(text: string): boolean {
  if (text.length * 6 < MAX_KEPT_BYTES) return false;
  return text.length + 2 > MAX_KEPT_BYTES || jsonBytes(text) > MAX_KEPT_BYTES;
}

/** `undefined` if it fails or takes too long. */
async function ifInTime<T>(work: Promise<T>): Promise<T | undefined> {
  return await within(work, KEEP_TIMEOUT_MS).catch(() => undefined);
}

/** Makes the content of a `tool_result` of what `run` returned. */
export function toolResultContent(
  value: unknown,
  limit: number = MAX_RESULT_BYTES,
): ToolResultContent {
  const content = atOnce(checkedContent(value));
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

function* checkedContent(value: unknown): Steps<ToolResultContent> {
  const content = yield* toContent(value);
  yield;
  const problem = typeof content === 'string' ? undefined : findFileProblem(content, 'result');
  if (problem === undefined) return content;
  throw new InvalidToolResultError(cannotBeShownText(problem));
}

/** The API rejects texts without any visible character. */
function asText(text: string): string {
  return text.trim() === '' ? NOTHING_RETURNED : text.toWellFormed();
}

function* toContent(value: unknown): Steps<ToolResultContent> {
  if (value === undefined || value === null) return NOTHING_RETURNED;
  if (typeof value === 'string') {
    const bytes = value.length > MAX_TEXT_BYTES ? value.length : Buffer.byteLength(value);
    if (bytes > MAX_TEXT_BYTES) throw tooLarge(bytes, MAX_TEXT_BYTES, '');
    return asText(value);
  }
  try {
    const data = toData(value);
    // A bigint, or a number such as NaN.
    if (typeof value !== 'object' && typeof data === 'string') return asText(data);
    yield;
    // A tool that cuts texts may leave half a pair of surrogates, for which the API rejects every request.
    if (yield* areBlocks(data)) return wellFormed(data as ToolResultBlock[]);
    yield;
    const json = JSON.stringify(data);
    if (!mayHoldFiles(json)) return json;
    yield;
    const blocks = liftFiles(data);
    return blocks === undefined ? json : wellFormed(blocks);
  } catch (error) {
    if (!(error instanceof NotDataError)) throw error;
    throw new InvalidToolResultError(noJsonText(error.message));
  }
}

function* areBlocks(value: unknown): Steps<boolean> {
  if (!Array.isArray(value) || value.length === 0) return false;
  for (const [i, item] of value.entries()) {
    if (!isContentBlock(item)) return false;
    if (i % 1_000 === 0) yield;
  }
  return true;
}

import { existsSync } from 'node:fs';
import type { DataConverter, PayloadCodec } from '@temporalio/common';
import { methodsProblem, rejectIf } from '../core/arguments.ts';
import { InvalidStorageError } from './errors.ts';
import { moduleBeside } from './module-beside.ts';

export const FAILURE_CONVERTER = failureConverterBeside(import.meta.url);

/** `undefined` if it does not exist: in a program that is bundled into one file. */
export function failureConverterBeside(url: string | undefined): string | undefined {
  const path = moduleBeside(url, './failure-converter');
  return path !== undefined && existsSync(path) ? path : undefined;
}

/**
 * The data converter for workers and clients that keep everything encrypted: the codecs encode every
 * payload and, unlike codecs alone, the messages and stack traces of failures, so what tools throw is not
 * in clear text in history. Several codecs encode in their order. docs/encryption.md says what stays in
 * clear text.
 *
 * Give it to `createWorker`, to Temporal's `Client` or the `AgentClient`, to `startTestEnvironment` and
 * `replayHistories`, and its `failureConverterPath` to `bundleWorkflowCode`. With a storage:
 * `withStorage(encryptedBy(codec), storage)`.
 *
 * Throws an `InvalidStorageError` for what is not a codec, and in a program that is bundled into one file.
 *
 * @example
 * const dataConverter = encryptedBy(codec);
 * const worker = await createWorker({ agents: [support], dataConverter });
 * const agents = new AgentClient({ dataConverter });
 */
export function encryptedBy(...codecs: PayloadCodec[]): DataConverter {
  if (codecs.length === 0) throw new InvalidStorageError(`encryptedBy must ${WANTED}; got none`);
  for (const codec of codecs) {
    const problem = methodsProblem('encryptedBy', codec, {
      methods: ['encode', 'decode'],
      wanted: WANTED,
    });
    rejectIf(InvalidStorageError, problem);
  }
  if (FAILURE_CONVERTER === undefined) throw new InvalidStorageError(BUNDLED);
  return { payloadCodecs: codecs, failureConverterPath: FAILURE_CONVERTER };
}

const WANTED = 'be given one PayloadCodec or more, with encode and decode';

const BUNDLED =
  'encryptedBy: the file of its failure converter is missing. A program that is bundled into one file does not have it. Leave plait and @temporalio/* out of the bundle.';

import { CommanderError } from 'commander';
import { DeclarationError } from '../agents/declaration-error.ts';
import {
  DecisionRejectedError,
  InvalidSessionError,
  SearchAttributesMissingError,
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  SessionNotFoundError,
  TemporalUnavailableError,
  TurnFailedError,
  TurnIdInUseError,
  TurnNotFoundError,
  UnreadablePayloadError,
  WorkerUnavailableError,
} from '../client/errors.ts';
import { causeChain } from '../core/failures.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import {
  InvalidStorageError,
  StorageUnavailableError,
  UnreadableHistoryError,
} from '../storage/errors.ts';
import { InvalidTransportError } from '../transport/errors.ts';
import { CliError, EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { oneLine } from './text.ts';

/** What to print for an error, in one line, and the exit code. No message if it was printed already. */
export function explainError(error: unknown): { exitCode: ExitCode; message?: string } {
  if (error instanceof CommanderError) {
    // Commander has already printed its line. `--help` throws too, with exit code 0.
    return { exitCode: error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.wrongInput };
  }
  const exitCode = exitCodeOf(error);
  if (error instanceof TurnIdInUseError) {
    const message = `Turn ${error.turnId} already exists, with another agent, text or context. Choose another --turn-id.`;
    return { exitCode, message };
  }
  // Plait's own messages are complete. For other errors the causes may help.
  const known = exitCode !== EXIT_CODES.unexpected && error instanceof Error;
  const text = oneLine(known ? error.message : causeChain(error));
  return { exitCode, message: known ? text : `${text} (PLAIT_DEBUG=1 shows the stack trace)` };
}

const REJECTED = [
  DecisionRejectedError,
  SearchAttributesMissingError,
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  UnreadableHistoryError,
];
const WRONG_INPUT = [
  DeclarationError,
  InvalidSessionError,
  InvalidStorageError,
  InvalidTransportError,
  InvalidTurnError,
  SessionNotFoundError,
  TurnIdInUseError,
  TurnNotFoundError,
  UnreadablePayloadError,
];

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof TurnFailedError) return EXIT_CODES.turnFailed;
  if (error instanceof WorkerUnavailableError) return EXIT_CODES.noWorker;
  if (error instanceof StorageUnavailableError) return EXIT_CODES.storageUnavailable;
  if (REJECTED.some((kind) => error instanceof kind)) return EXIT_CODES.rejected;
  if (error instanceof TemporalUnavailableError || isTransportError(error)) {
    return EXIT_CODES.temporalUnavailable;
  }
  return WRONG_INPUT.some((kind) => error instanceof kind)
    ? EXIT_CODES.wrongInput
    : EXIT_CODES.unexpected;
}

/** Recognized by its name, because its class is in a native library that most commands do not load. */
function isTransportError(error: unknown): boolean {
  return error instanceof Error && error.name === 'TransportError';
}

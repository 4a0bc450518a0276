import { CommanderError } from 'commander';
import { DeclarationError } from '../agents/declaration-error.ts';
import {
  DecisionRejectedError,
  InvalidSessionError,
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  SessionNotFoundError,
  TemporalUnavailableError,
  TurnFailedError,
  TurnIdInUseError,
  TurnNotFoundError,
  WorkerUnavailableError,
} from '../client/errors.ts';
import { causeChain } from '../core/failures.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import { InvalidStorageError, StorageUnavailableError } from '../storage/errors.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { oneLine } from './text.ts';

/** What to say of an error, in one line, and with which exit code. Nothing where it was said. */
export function explainError(error: unknown): { exitCode: ExitCode; message?: string } {
  if (error instanceof CommanderError) {
    // Commander has written its line already; help and version are no errors.
    return { exitCode: error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.wrongInput };
  }
  const exitCode = exitCodeOf(error);
  if (error instanceof TurnIdInUseError) {
    const message = `Turn ${error.turnId} exists already, with another agent, text or context. Choose another --turn-id.`;
    return { exitCode, message };
  }
  // Ours say all that there is to say; the causes of others may be what helps.
  const known = exitCode !== EXIT_CODES.unexpected && error instanceof Error;
  const text = oneLine(known ? error.message : causeChain(error));
  return { exitCode, message: known ? text : `${text} (PLAIT_DEBUG=1 shows where)` };
}

const REFUSALS = [DecisionRejectedError, SendRejectedError, SessionBusyError, SessionClosedError];
const WRONG_INPUT = [
  DeclarationError,
  InvalidSessionError,
  InvalidStorageError,
  InvalidTurnError,
  SessionNotFoundError,
  TurnIdInUseError,
  TurnNotFoundError,
];

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof TurnFailedError) return EXIT_CODES.turnFailed;
  if (error instanceof WorkerUnavailableError) return EXIT_CODES.noWorker;
  if (error instanceof StorageUnavailableError) return EXIT_CODES.storageUnavailable;
  if (REFUSALS.some((kind) => error instanceof kind)) return EXIT_CODES.refused;
  if (error instanceof TemporalUnavailableError || isTransportError(error)) {
    return EXIT_CODES.temporalUnavailable;
  }
  return WRONG_INPUT.some((kind) => error instanceof kind)
    ? EXIT_CODES.wrongInput
    : EXIT_CODES.unexpected;
}

/** By its name: its class comes with a native library that most commands do not need. */
function isTransportError(error: unknown): boolean {
  return error instanceof Error && error.name === 'TransportError';
}

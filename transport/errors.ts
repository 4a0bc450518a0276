import { PlaitError } from '../core/errors.ts';

/** A setting of the stream transport is invalid, or a package that it needs is not installed. */
export class InvalidTransportError extends PlaitError {
  override readonly name = 'InvalidTransportError' as const;
  override readonly code = 'INVALID_TRANSPORT' as const;
}

/** The stream transport cannot be reached. Turns run without it. */
export class TransportUnavailableError extends PlaitError {
  override readonly name = 'TransportUnavailableError' as const;
  override readonly code = 'TRANSPORT_UNAVAILABLE' as const;
}

import { PlaitError } from '../core/errors.ts';

/**
 * A declaration (`defineTool`, `defineAgent`, a worker's `agents`) is wrong. It is thrown while the
 * program starts and never for anything that a model or a tool does later.
 */
export class DeclarationError extends PlaitError {
  override readonly name = 'DeclarationError' as const;
  override readonly code = 'INVALID_DECLARATION' as const;
}

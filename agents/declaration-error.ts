import { PlaitError } from '../core/errors.ts';

/**
 * A declaration is wrong: the options of `defineTool` or `defineAgent`, or the agents of a worker. Thrown
 * while the program starts, never for anything that a model or a tool does later.
 */
export class DeclarationError extends PlaitError {
  override readonly name = 'DeclarationError' as const;
  override readonly code = 'INVALID_DECLARATION' as const;
}

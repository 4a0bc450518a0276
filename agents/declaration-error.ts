/**
 * A declaration (`defineTool`, `defineAgent`, a worker's `agents`) is wrong. It is thrown while the
 * program starts and never for anything that a model or a tool does later.
 */
export class DeclarationError extends TypeError {
  override readonly name = 'DeclarationError' as const;
}

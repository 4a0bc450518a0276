/**
 * A declaration is wrong: the options of `defineTool` or `defineAgent`, or the agents of a worker. Thrown
 * while the program starts, never for anything that a model or a tool does later.
 */
export class DeclarationError extends TypeError {
  override readonly name = 'DeclarationError' as const;
}

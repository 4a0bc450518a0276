import { DeclarationError } from '../../agents/declaration-error.ts';
import { optionalPackage } from '../../storage/optional-package.ts';

const NEED = { what: 'An MCP server of agents', Invalid: DeclarationError };

/** The SDK of MCP servers. Throws a `DeclarationError` if it is not installed. */
export async function serverPackage() {
  return await optionalPackage(
    '@modelcontextprotocol/server',
    () => import('@modelcontextprotocol/server'),
    NEED,
  );
}

/** Its part for standard input and output. Throws the same error. */
export async function stdioPackage() {
  return await optionalPackage(
    '@modelcontextprotocol/server',
    () => import('@modelcontextprotocol/server/stdio'),
    NEED,
  );
}

import { optionalPackage } from '../storage/optional-package.ts';

/** The installation is wrong, not a call. */
class PackageMissingError extends Error {
  override readonly name = 'PackageMissingError' as const;
}

/** The MCP SDK, loaded on first use: most programs that import an agent never connect to its servers. */
export async function clientPackage() {
  return await optionalPackage(
    '@modelcontextprotocol/client',
    () => import('@modelcontextprotocol/client'),
    { what: 'An MCP server', Invalid: PackageMissingError },
  );
}

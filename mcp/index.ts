/**
 * Tools of MCP servers for agents. Needs the package `@modelcontextprotocol/client`, which is loaded with the
 * first connection.
 *
 * @module plait/mcp
 */

export { mcpServer } from './mcp-server.ts';
export type { McpServerOptions } from './mcp-server.ts';
export type { McpCaller, McpServer, McpToolOptions } from '../agents/mcp-server.ts';

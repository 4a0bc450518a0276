/**
 * Tools of MCP servers for agents, and agents as tools for MCP clients. The first needs the package
 * `@modelcontextprotocol/client`, which is loaded with the first connection, the second
 * `@modelcontextprotocol/server`.
 *
 * @module plait/mcp
 */

export { mcpServer } from './mcp-server.ts';
export type { McpServerOptions } from './mcp-server.ts';
export type { McpCaller, McpServer, McpToolOptions } from '../agents/mcp-server.ts';
export { mcpHandler } from './serve/mcp-handler.ts';
export type { McpHandler, McpHandlerOptions, McpIdentity } from './serve/mcp-handler.ts';

/** How Plait names itself to MCP servers and clients. */
export const IMPLEMENTATION = { name: 'plait', version: '0.1.0' };

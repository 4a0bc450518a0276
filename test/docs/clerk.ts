import { defineAgent } from 'plait';
import { mcpServer } from 'plait/mcp';

/** A process that each worker starts for itself. */
const files = mcpServer({
  name: 'files',
  transport: {
    type: 'stdio',
    command: 'npx',
    args: ['-y', '@modelcontextprotocol/server-filesystem', '/srv/contracts'],
  },
  deny: ['move_file'],
  tools: {
    // What the server says of its tools is a claim. This is what counts.
    read_text_file: { annotations: { readOnlyHint: true } },
    write_file: { approval: 'always', access: { writes: 'path' } },
  },
});

/** A service that knows its tenants by a token. */
const tickets = mcpServer<{ tenant: string }>({
  name: 'tickets',
  transport: {
    type: 'http',
    url: 'https://tickets.example.com/mcp',
    headers: async ({ context }) => ({ authorization: `Bearer ${await tokenOf(context.tenant)}` }),
  },
  allow: ['search', 'create_ticket'],
  onUnavailable: 'fail', // this agent needs it
});

export const clerk = defineAgent<{ tenant: string }>({
  name: 'clerk',
  model: 'claude-opus-5-5',
  tools: [files, tickets],
});

/** In your program: from a vault, on the worker, where it is needed. */
function tokenOf(tenant: string): Promise<string> {
  return Promise.resolve(process.env[`TICKETS_TOKEN_${tenant.toUpperCase()}`] ?? '');
}

import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { defineAgent } from 'plait';
import { AgentClient } from 'plait/client';
import { mcpHandler } from 'plait/mcp';

export const support = defineAgent<{ tenant: string }>({
  name: 'support',
  description: 'Answers questions about orders. Give the number of the order.',
  model: 'claude-opus-5-5',
});

export async function serveSupport(port: number) {
  const handler = await mcpHandler({
    client: new AgentClient(),
    agents: [support],
    authorize: async ({ headers }) => {
      const account = await accountOf(headers.get('authorization'));
      // Without an account: 401. Nothing has been started, and nothing read.
      return account && { user: account.id, context: { tenant: account.tenant } };
    },
  });
  return createServer(toNodeHandler(handler) as RequestListener).listen(port);
}

/** In your program: verifies the token. */
function accountOf(token: string | null): Promise<{ id: string; tenant: string } | undefined> {
  const { SUPPORT_TOKEN: known } = process.env;
  const isKnown = known !== undefined && token === `Bearer ${known}`;
  return Promise.resolve(isKnown ? { id: 'acme/ada', tenant: 'acme' } : undefined);
}

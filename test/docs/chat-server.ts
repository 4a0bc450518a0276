import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { AgentClient } from 'plait/client';
import { chatHandler } from 'plait/web';
import { support } from './support.ts';

export function serveChats(port: number) {
  const chats = chatHandler({
    client: new AgentClient(),
    agent: support,
    authorize: async ({ headers }) => {
      const account = await accountOf(headers.get('cookie'));
      // Without an account: 401. Nothing has been started, and nothing read.
      return account && { user: account.id };
    },
  });
  const app = new Hono();
  app.all('/api/chat/*', ({ req }) => chats.fetch(req.raw));
  return serve({ fetch: app.fetch, port });
}

/** In your program: verifies the cookie. */
function accountOf(cookie: string | null): Promise<{ id: string } | undefined> {
  const { SUPPORT_COOKIE: known } = process.env;
  const isKnown = known !== undefined && cookie === `session=${known}`;
  return Promise.resolve(isKnown ? { id: 'acme/ada' } : undefined);
}

import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { AgentClient } from 'plait/client';
import { chatHandler } from 'plait/web';
import { shopAssistant } from './agent.ts';

/** The page, its script, and the chats of the assistant. */
export async function createShop(client: AgentClient): Promise<Hono> {
  const html = await readFile(new URL('page.html', import.meta.url), 'utf8');
  const script = await bundled();
  const visitors = new Set<string>();
  const chats = chatHandler({
    client,
    agent: shopAssistant,
    // In your program: who has logged in.
    authorize: ({ headers }) => {
      const [, visitor = ''] = /(?:^|;\s*)visitor=([\w-]+)/.exec(headers.get('cookie') ?? '') ?? [];
      return visitors.has(visitor) ? { user: visitor } : undefined;
    },
  });
  const app = new Hono();
  app.get('/', (context) => {
    const known = getCookie(context, 'visitor');
    const visitor = known !== undefined && visitors.has(known) ? known : randomUUID();
    visitors.add(visitor);
    setCookie(context, 'visitor', visitor, { httpOnly: true, sameSite: 'Strict' });
    return context.html(html);
  });
  app.get('/page.js', ({ body }) => body(script, 200, { 'content-type': 'text/javascript' }));
  app.all('/api/chat/*', ({ req }) => chats.fetch(req.raw));
  return app;
}

/** As your bundler does it, when you build your page. */
async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('page.tsx', import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  return outputFiles[0]?.text ?? '';
}

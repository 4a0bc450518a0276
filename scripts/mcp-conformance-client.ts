import type { ToolContext } from '../agents/define-tool.ts';
import { Connections } from '../mcp/connections.ts';

// The client that MCP's conformance suite runs, once for each of its scenarios: it lists the tools of the
// server at the URL that it is given, and calls each, as the worker of an agent would.
// https://github.com/modelcontextprotocol/conformance

const [url = ''] = process.argv.slice(2);

const connections = new Connections({
  name: 'conformance',
  transport: { type: 'http', url },
  timeout: 20_000,
  ttl: 60_000,
  protocol: 'auto',
  worker: { secret: () => undefined, log: () => undefined },
});
const signal = AbortSignal.timeout(25_000);
const caller = { agent: 'conformance', context: undefined };
const ctx = {
  ...caller,
  signal,
  idempotencyKey: 'conformance',
  heartbeat: () => undefined,
} as unknown as ToolContext;

try {
  for (const { name, inputSchema } of await connections.list(caller, signal)) {
    const schema = inputSchema as { properties?: object };
    // All that the tools of the suite take are numbers.
    const input = Object.fromEntries(Object.keys(schema.properties ?? {}).map((key) => [key, 1]));
    const tool = { tool: name, inputSchema: { ...schema }, repeatable: true };
    console.log(name, await connections.call(tool, input, ctx));
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await connections.close();
}

import { AgentClient } from '../../client/agent-client.ts';
import { causeChain } from '../../core/failures.ts';
import { stdioPackage } from '../../mcp/serve/package.ts';
import { DEFAULT_ANSWER_WITHIN, ServedAgents } from '../../mcp/serve/served-agents.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { loadAgents } from '../load-module.ts';
import { protocolOutput } from '../protocol-output.ts';
import { sayAside } from '../say.ts';
import { onSignals } from '../signals.ts';
import { clientStorage } from '../storage-setting.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { oneLine } from '../text.ts';
import { userName } from '../user-name.ts';

export interface McpCommandOptions {
  taskQueue: string;
  user?: string;
  context?: unknown;
  /** @default the user of this process */
  by?: string;
  decisions: boolean;
  /** In milliseconds. */
  answerWithin?: number;
  storage?: string;
}

/** `plait mcp`: an MCP server for the client that has started this process, until its input ends. */
export async function mcpCommand(module: string, options: McpCommandOptions): Promise<ExitCode> {
  // Before the module is loaded, which may print.
  const output = protocolOutput();
  const { taskQueue, user, context, answerWithin = DEFAULT_ANSWER_WITHIN } = options;
  const agents = await loadAgents(module);
  const decides = options.decisions ? { by: options.by ?? userName() } : undefined;
  const temporal = await connectTo(configuredTarget(), clientStorage(options.storage));
  try {
    const client = new AgentClient({ client: temporal, taskQueue, onWarning: say });
    const onError = (error: unknown) => say(causeChain(error));
    const served = await ServedAgents.create({ client, agents, answerWithin, onError });
    const { serveStdio, StdioServerTransport } = await stdioPackage();
    const transport = new StdioServerTransport(process.stdin, output);
    const ended = endOfInput();
    const connection = serveStdio(() => served.serverFor({ user, context, decides }), {
      transport,
      onerror: onError,
    });
    say(`Serves ${agents.map(({ name }) => name).join(', ')} of task queue ${taskQueue}.`);
    await ended;
    await connection.close();
    // Turns of calls that nobody waits for any more.
    await served.settled();
    return EXIT_CODES.ok;
  } finally {
    await temporal.connection.close();
  }
}

function say(message: string): void {
  sayAside(oneLine(message));
}

/** Resolves when the client has closed the input, or a signal asks the process to end. */
function endOfInput(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.once('end', resolve).once('close', resolve);
    onSignals(resolve, () => process.exit(EXIT_CODES.interrupted));
  });
}

import { DeclarationError } from '../agents/declaration-error.ts';
import { functionProblem, recordProblem, rejectIf } from '../core/arguments.ts';
import { defined } from '../core/json.ts';
import type { MessagesServer } from './messages-server.ts';
import { startMessagesServer } from './messages-server.ts';
import type { Script } from './script.ts';
import type { Stage, StageOptions } from './stage.ts';
import { runAll, startStage } from './stage.ts';

/** What `startTestEnvironment` takes: a script, and most options of `createWorker`. */
export interface TestEnvironmentOptions extends Omit<StageOptions, 'anthropic'> {
  /** What the model answers. */
  script: Script;
  /**
   * Most tokens of a prompt, four characters counted as one. Longer ones get the API's 400, `prompt is too
   * long`. @default no limit
   */
  contextWindow?: number;
}

/** A Temporal server, a scripted model, a worker with your agents, and a client for them. */
export interface TestEnvironment extends Stage, AsyncDisposable {
  /** The scripted model: its URL, and every request so far. */
  readonly model: MessagesServer;
}

/**
 * Runs your agents on a real Temporal server, without an API key: only the model is scripted.
 *
 * @example
 * const script = conversation('Hello', [callTools({ look: { id: 1 } }), say('Done.')]);
 * await using env = await startTestEnvironment({ agents: [support], script });
 * const result = await env.agents.execute(support, 'Hello');
 * expectTurn(result).ended('end_turn').outcome('look', 'succeeded');
 */
export async function startTestEnvironment(
  options: TestEnvironmentOptions,
): Promise<TestEnvironment> {
  rejectIf(DeclarationError, recordProblem('startTestEnvironment: the options', options));
  rejectIf(DeclarationError, functionProblem('startTestEnvironment: script', options.script));
  const { script, contextWindow, ...stageOptions } = options;
  const model = await startMessagesServer({ script, ...defined({ contextWindow }) });
  const cleanups = [() => model.close()];
  const close = () => runAll(cleanups.splice(0).toReversed());
  try {
    const anthropic = { baseURL: model.url, apiKey: 'test' };
    const stage = await startStage({ ...stageOptions, anthropic });
    cleanups.push(() => stage.close());
    return { ...stage, model, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

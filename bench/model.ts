import Anthropic from '@anthropic-ai/sdk';
import type { MessagesServer } from '../testing/messages-server.ts';
import { startMessagesServer } from '../testing/messages-server.ts';
import type { ScriptRequest } from '../testing/messages/request.ts';
import { callTools, say } from '../testing/replies.ts';
import type { Script } from '../testing/script.ts';
import { SCENARIOS } from './scenarios.ts';
import { answerTo, callsOf } from './work.ts';

/** The scripted model, and the one client through which every contender asks it. */
export class Model {
  readonly client = new Anthropic({
    baseURL: 'http://127.0.0.1:1',
    apiKey: 'bench',
    maxRetries: 0,
  });
  #server: MessagesServer | undefined;

  /** A new server for every run: one keeps all requests that it was ever sent. */
  async restart(): Promise<void> {
    await this.close();
    this.#server = await startMessagesServer({ script });
    this.client.baseURL = this.#server.url;
  }

  /** Requests since the last start. */
  get calls(): number {
    return this.#server?.requests.length ?? 0;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}

const script: Script = (request) => {
  const scenario = SCENARIOS.find(({ name }) => name === request.userText);
  if (scenario === undefined) return undefined;
  if (request.round < scenario.rounds) return callTools(callsOf(scenario, request.round));
  // It answers from what it was sent, so that a result that was lost or mixed up is seen.
  return say(answerTo(resultTexts(request)));
};

function resultTexts({ body }: ScriptRequest): string[] {
  const blocks = body.messages.flatMap(({ content }) =>
    typeof content === 'string' ? [] : content,
  );
  return blocks.flatMap((block) =>
    block.type === 'tool_result' && typeof block.content === 'string' ? [block.content] : [],
  );
}

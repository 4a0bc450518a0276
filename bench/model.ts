import Anthropic from '@anthropic-ai/sdk';
import type { MessagesServer } from '../testing/messages-server.ts';
import { startMessagesServer } from '../testing/messages-server.ts';
import type { MessageReply, Pace } from '../testing/messages/reply.ts';
import type { ScriptRequest } from '../testing/messages/request.ts';
import { callTools, paced, reply, say } from '../testing/replies.ts';
import type { Script } from '../testing/script.ts';
import { LONG_REPLY, LONG_SCENARIOS, MINUTE, SCENARIOS } from './scenarios.ts';
import { answerTo, callsOf } from './work.ts';

/** The scripted model, and the client with which every contender asks it. */
export class Model {
  readonly client = new Anthropic({
    baseURL: 'http://127.0.0.1:1',
    apiKey: 'bench',
    maxRetries: 0,
  });
  #server: MessagesServer | undefined;

  /** Requests since the last start. */
  calls = 0;

  /** Starts a new server, because a server remembers all prompts for its prompt cache. */
  async restart(): Promise<void> {
    await this.close();
    this.calls = 0;
    const counted: Script = (request) => {
      this.calls += 1;
      return script(request);
    };
    this.#server = await startMessagesServer({ script: counted, keepRequests: false });
    this.client.baseURL = this.#server.url;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}

const script: Script = (request) => {
  const { userText } = request;
  // A small turn of a session.
  if (userText.startsWith('turn ')) return say(`This was ${userText}.`);
  if (userText === LONG_REPLY) return longReply();
  const scenario = [...SCENARIOS, ...LONG_SCENARIOS, MINUTE].find(({ name }) => name === userText);
  if (scenario === undefined) return undefined;
  const message =
    request.round < scenario.rounds
      ? callTools(callsOf(scenario, request.round))
      : // The answer depends on the results it was sent, so a lost or swapped result makes it wrong.
        say(answerTo(resultTexts(request)));
  return scenario.paced === true ? paced(paceOf(message, request), message) : message;
};

/** A call of these scenarios is six events, and comes in half a second: 30 tokens at 60 a second. */
const EVENT_MS = 500 / 6;
const EVENTS = { toolUse: 6, text: 7, message: 4 };

/** A reply that is not streamed takes as long, and then comes in one piece. */
function paceOf({ content }: MessageReply, { body }: ScriptRequest): Pace {
  if (body.stream === true) return { betweenEventsMs: EVENT_MS };
  const events = content.map(({ type }) => (type === 'tool_use' ? EVENTS.toolUse : EVENTS.text));
  return { firstByteMs: EVENT_MS * events.reduce((sum, count) => sum + count, EVENTS.message) };
}

/** Some seven pieces a second for half a minute. A text comes in at most 24 pieces, so there are several. */
function longReply(): MessageReply {
  const paragraph = 'There are three open orders, and one of them is late. '.repeat(8);
  const paragraphs = Array.from({ length: 8 }, () => say(paragraph));
  return paced({ betweenEventsMs: 135 }, reply(...paragraphs));
}

function resultTexts({ body }: ScriptRequest): string[] {
  const blocks = body.messages.flatMap(({ content }) =>
    typeof content === 'string' ? [] : content,
  );
  return blocks.flatMap((block) =>
    block.type === 'tool_result' && typeof block.content === 'string' ? [block.content] : [],
  );
}

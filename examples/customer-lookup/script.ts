// What the scripted model says in the demo. It answers from the tool results that it is sent, as a
// model does, so a result that got lost or mixed up would be seen in its answer.

import type { MessageReply, ScriptRequest } from 'plait/testing';
import { callTools, conversation, paced, say, script } from 'plait/testing';

export const FULL_PICTURE = 'Give me the full picture on customer 1234.';
export const ONE_BY_ONE = `${FULL_PICTURE} Look things up one after the other.`;
export const BROKEN_ORDERS = 'Give me the full picture on customer 1235.';

const pace = { firstByteMs: 250, betweenEventsMs: 10 };
const tools = ['get_customer', 'get_orders', 'get_tickets'];

export const customerScript = script(
  conversation(ONE_BY_ONE, [...tools.map((name) => lookUp(name)), answer]),
  conversation(/full picture on customer \d+/, [lookUp(...tools), answer]),
);

/** Calls these tools, all in one reply. */
function lookUp(...names: string[]): (request: ScriptRequest) => MessageReply {
  return ({ userText }) => {
    const customer_id = Number(/customer (\d+)/.exec(userText)?.[1]);
    // All at once: a call starts as soon as it has come.
    const { firstByteMs } = pace;
    return paced({ firstByteMs }, callTools(names.map((name) => [name, { customer_id }] as const)));
  };
}

function answer(request: ScriptRequest): MessageReply {
  const [customer = '', orders = '', tickets = ''] = resultTexts(request);
  const { name, plan, since } = JSON.parse(customer) as Record<string, string>;
  const sentences = [
    `${name} has been on the ${plan} plan since ${since}.`,
    orders.startsWith('[')
      ? `There are ${count(orders)} orders, the newest is ${first(orders, 'order')} (${first(orders, 'status')}).`
      : `${orders}.`,
    `Open tickets: ${count(tickets)}, "${first(tickets, 'subject')}".`,
  ];
  return paced(pace, say(sentences.join(' ')));
}

/** The texts of all tool results since the user's text, in the order of the calls. */
function resultTexts({ body, round }: ScriptRequest): string[] {
  const blocks = body.messages
    .slice(-2 * round)
    .flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  return blocks.flatMap((block) =>
    block.type === 'tool_result' && typeof block.content === 'string' ? [block.content] : [],
  );
}

function rows(json: string): Record<string, string>[] {
  return JSON.parse(json) as Record<string, string>[];
}

function count(json: string): number {
  return rows(json).length;
}

function first(json: string, field: string): string {
  return rows(json)[0]?.[field] ?? 'unknown';
}

import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';
import { isRecord } from '../core/json.ts';
import { READ_RESULT } from '../core/names.ts';
import { exampleValue } from './example/value.ts';
import { callTools, say } from './replies.ts';
import type { Script } from './script.ts';

/** Most characters that the model quotes of one text. */
const QUOTED = 500;

/**
 * A model for any agent: it calls each tool once, all in one reply, with inputs made from their schemas,
 * and then quotes the results. An agent with an output schema gets a value made from that.
 */
export const scriptedModel: Script = ({ body, round, userText, resultOf }) => {
  const tools = callable(body);
  const calls = callsOf(body, tools, round);
  if (calls.length > 0) {
    return callTools(calls.map(({ name, schema }) => [name, exampleValue(schema)] as const));
  }
  const output = body.output_config?.format?.schema;
  if (output !== undefined) return say(JSON.stringify(exampleValue(output)));
  const results = tools.flatMap(({ name }) => {
    const result = resultOf(name);
    return result === undefined ? [] : [`- ${name}: ${cut(result)}`];
  });
  if (results.length === 0) return say(`I am a scripted model. You said: ${cut(userText)}`);
  return say(['I am a scripted model. The tools returned:', '', ...results].join('\n'));
};

interface CallableTool {
  name: string;
  schema: unknown;
}

/** The tools that have an input schema and that the model may call directly, without a search for them. */
function callable({ tools = [], tool_choice: choice }: MessageCreateParams): CallableTool[] {
  if (choice?.type === 'none') return [];
  return tools.flatMap((tool) => {
    if (!('input_schema' in tool) || tool.name === READ_RESULT) return [];
    if (choice?.type === 'tool' && choice.name !== tool.name) return [];
    if (tool.defer_loading === true) return [];
    if (tool.allowed_callers?.includes('direct') === false) return [];
    return [{ name: tool.name, schema: tool.input_schema }];
  });
}

/** All tools in the first round; where the model may call only one at a time, one in each round. */
function callsOf(
  { tool_choice: choice }: MessageCreateParams,
  tools: readonly CallableTool[],
  round: number,
): readonly CallableTool[] {
  const oneByOne = isRecord(choice) && choice['disable_parallel_tool_use'] === true;
  if (oneByOne) return tools.slice(round, round + 1);
  return round === 0 ? tools : [];
}

function cut(text: string): string {
  return text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text;
}

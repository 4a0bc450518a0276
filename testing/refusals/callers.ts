import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { firstRefusal, inOurWords, type Refusal } from './refusal.ts';

/** https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling */
export function callersRefusal({ tools, tool_choice: choice }: JsonObject): Refusal | undefined {
  const entries = Array.isArray(tools) ? tools.filter(isRecord) : [];
  const called = entries.findIndex(isCalledByCode);
  if (called === -1) return undefined;
  const path = `tools.${called}.custom`;
  const runsCode = entries.some(({ type }) => String(type).startsWith('code_execution_'));
  return firstRefusal([
    () =>
      runsCode
        ? undefined
        : inOurWords(`${path}.allowed_callers: requires the code execution tool`),
    () =>
      entries.some((tool) => isCalledByCode(tool) && tool['strict'] === true)
        ? inOurWords(`${path}: \`strict\` is not supported with programmatic tool calling`)
        : undefined,
    () =>
      isRecord(choice) && choice['disable_parallel_tool_use'] === true
        ? inOurWords(
            'tool_choice.disable_parallel_tool_use: not supported with programmatic tool calling',
          )
        : undefined,
  ]);
}

function isCalledByCode({ allowed_callers: callers }: JsonObject): boolean {
  return Array.isArray(callers) && callers.some((caller) => caller !== 'direct');
}

import { isRecord } from '../../core/json.ts';
import { toolsetOf } from '../../core/conversation/toolsets.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { unknownKey } from './known-keys.ts';
import { firstRejection, inOurWords, type CheckedBlock, type Rejection } from './rejection.ts';

// The browser and the computer: one entry without a name stands for all tools of a toolset.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls

const ENTRY_KEYS = { type: true, cache_control: true, configs: true };
const RESULT_PARTS = new Set(['text', 'image', 'browser_state']);

/** The toolset that an entry stands for, by its `type`. */
export function entryToolset({ type }: JsonObject): string | undefined {
  return typeof type === 'string' ? toolsetOf({ type }) : undefined;
}

export function entryRejection(
  entry: JsonObject,
  path: string,
  beta: boolean,
): Rejection | undefined {
  return beta ? undefined : unknownKey(entry, ENTRY_KEYS, `${path}.${String(entry['type'])}`);
}

/** A result must name the toolset of its call, and may hold only what an action can return. */
export function actionResultRejection(
  result: CheckedBlock,
  call: CheckedBlock,
  place: string,
): Rejection | undefined {
  const path = `${place}.tool_result`;
  const asked = call['toolset_name'] ?? null;
  const answered = result['toolset_name'] ?? null;
  const { content } = result;
  const types = Array.isArray(content)
    ? content.filter(isRecord).map(({ type }) => String(type))
    : [];
  const foreign = types.find((type) => !RESULT_PARTS.has(type));
  const states = types.filter((type) => type === 'browser_state').length;
  return firstRejection([
    () =>
      asked === answered
        ? undefined
        : inOurWords(
            `${path}.toolset_name: must be ${JSON.stringify(asked)}, as in the corresponding \`tool_use\` block`,
          ),
    () =>
      states > 0 && asked !== 'browser'
        ? inOurWords(`${path}.content: \`browser_state\` is only allowed for the browser toolset`)
        : undefined,
    () =>
      states > 1
        ? inOurWords(`${path}.content: at most one \`browser_state\` block is allowed`)
        : undefined,
    () =>
      asked !== null && foreign !== undefined
        ? inOurWords(
            `${path}.content: \`${foreign}\` is not allowed in the result of a toolset member`,
          )
        : undefined,
  ]);
}

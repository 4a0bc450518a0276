import type { Effort, Thinking, ToolChoice } from './model-options.ts';

/** `claude-opus-5-5` is version 5.5 of opus; undefined for a name that is not understood. */
function versionOf(model: string): { line: string; version: number } | undefined {
  const match = /^claude-([a-z]+)-(\d+)(?:-(\d))?(?:-\d{8})?$/.exec(model);
  if (match === null) return undefined;
  const [, line = '', major, minor = '0'] = match;
  return { line, version: Number(`${major}.${minor}`) };
}

/**
 * Whether a model takes messages with the role `system` in the middle of a conversation: Claude 4.8 and
 * later. A name that is not understood, such as an alias of a gateway, is taken for one that does not.
 */
export function takesSystemMessages(model: string): boolean {
  return (versionOf(model)?.version ?? 0) >= 4.8;
}

const ONLY_ADAPTIVE = "this model decides by itself how much to think; use 'adaptive' and effort";

/**
 * What is known to be refused by a model, as texts. What is not known, and a model whose name is not
 * understood, is left to the API.
 * https://platform.claude.com/docs/en/build-with-claude/thinking
 */
export function refusedThinking(model: string, type: Thinking['type']): string | undefined {
  const known = versionOf(model);
  if (known === undefined) return undefined;
  const { line, version } = known;
  const always = line === 'fable' || line === 'mythos' || (line === 'opus' && version >= 5.5);
  switch (type) {
    case 'adaptive':
      return version < 4.6 ? "this model takes 'enabled' with budgetTokens" : undefined;
    case 'enabled':
      return version >= 4.7 ? ONLY_ADAPTIVE : undefined;
    case 'disabled':
      return always || (line === 'sonnet' && version >= 5.5) ? ONLY_ADAPTIVE : undefined;
    case 'between_tools':
      return always || version < 5.5 ? 'this model does not know it' : undefined;
  }
}

/** https://platform.claude.com/docs/en/build-with-claude/effort */
export function refusedEffort(model: string, effort: Effort): string | undefined {
  const known = versionOf(model);
  if (known === undefined || known.version >= 4.7) return undefined;
  const { line, version } = known;
  if (version < 4.5 || (version < 4.6 && line !== 'opus')) return 'this model does not take it';
  const levels = ['low', 'medium', 'high', ...(version < 4.6 ? [] : ['max'])];
  return levels.includes(effort) ? undefined : `this model takes ${levels.join(', ')}`;
}

export function refusedToolChoice(model: string, type: ToolChoice['type']): string | undefined {
  const known = versionOf(model);
  if (known === undefined || type === 'auto' || type === 'none') return undefined;
  const { line, version } = known;
  const last = line === 'fable' || line === 'mythos' ? 5.1 : line === 'haiku' ? Infinity : 5.5;
  return version >= last ? 'this model cannot be made to call a tool' : undefined;
}

/**
 * Whether the API compacts conversations with a model: Claude 4.6 and later. A name that is not
 * understood is taken for one that is new.
 * https://platform.claude.com/docs/en/build-with-claude/compaction-threshold
 */
export function compactsConversations(model: string): boolean {
  return (versionOf(model)?.version ?? Number.POSITIVE_INFINITY) >= 4.6;
}

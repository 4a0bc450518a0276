import type { AgentSpec } from '../core/agent-spec.ts';

// Which model supports what. A model or an option that is not known here is left for the API to judge.

type Thinking = NonNullable<AgentSpec['thinking']>;
type Effort = NonNullable<NonNullable<AgentSpec['output_config']>['effort']>;
type ToolChoice = NonNullable<AgentSpec['tool_choice']>;

/** `claude-opus-5-5` is version 5.5 of opus; `undefined` for any other form of name. */
function versionOf(model: string): { line: string; version: number } | undefined {
  const match = /^claude-([a-z]+)-(\d+)(?:-(\d))?(?:-\d{8})?$/.exec(model);
  if (match === null) return undefined;
  const [, line = '', major, minor = '0'] = match;
  return { line, version: Number(`${major}.${minor}`) };
}

/**
 * Whether a model takes messages with the role `system` in the middle of a conversation: Claude 4.8 and
 * later. A model of unknown version, such as an alias of a gateway, is assumed not to.
 */
export function takesSystemMessages(model: string): boolean {
  return (versionOf(model)?.version ?? 0) >= 4.8;
}

/**
 * Whether the API compacts conversations with a model: Claude 4.6 and later. A model of unknown version
 * is assumed to be new.
 * https://platform.claude.com/docs/en/build-with-claude/compaction-threshold
 */
export function compactsConversations(model: string): boolean {
  return (versionOf(model)?.version ?? Number.POSITIVE_INFINITY) >= 4.6;
}

/**
 * Why the API rejects this type of thinking for the model, if it does. The other two types are always
 * accepted.
 */
export function thinkingProblem(model: string, type: Thinking['type']): string | undefined {
  // https://platform.claude.com/docs/en/build-with-claude/thinking
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
      return always || version < 5.5 ? 'this model does not have it' : undefined;
  }
}

const ONLY_ADAPTIVE = "this model decides by itself how much to think; use 'adaptive' and effort";

export function effortProblem(model: string, effort: Effort): string | undefined {
  // https://platform.claude.com/docs/en/build-with-claude/effort
  const known = versionOf(model);
  if (known === undefined || known.version >= 4.7) return undefined;
  const { line, version } = known;
  if (version < 4.5 || (version < 4.6 && line !== 'opus')) return 'this model does not take effort';
  const levels = ['low', 'medium', 'high', ...(version < 4.6 ? [] : ['max'])];
  return levels.includes(effort) ? undefined : `this model takes ${levels.join(', ')}`;
}

export function toolChoiceProblem(model: string, type: ToolChoice['type']): string | undefined {
  const known = versionOf(model);
  if (known === undefined || type === 'auto' || type === 'none') return undefined;
  const { line, version } = known;
  const last = line === 'fable' || line === 'mythos' ? 5.1 : line === 'haiku' ? Infinity : 5.5;
  return version >= last ? 'this model cannot be made to call a tool' : undefined;
}

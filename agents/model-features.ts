/**
 * Whether a model takes messages with the role `system` in the middle of a conversation: Claude 4.8 and
 * later. A name that is not understood, such as an alias of a gateway, is taken for one that does not.
 */
export function takesSystemMessages(model: string): boolean {
  return (versionOf(model) ?? 0) >= 4.8;
}

/**
 * Whether the API compacts conversations with a model: Claude 4.6 and later. A name that is not
 * understood is taken for one that is new.
 * https://platform.claude.com/docs/en/build-with-claude/compaction-threshold
 */
export function compactsConversations(model: string): boolean {
  return (versionOf(model) ?? Number.POSITIVE_INFINITY) >= 4.6;
}

function versionOf(model: string): number | undefined {
  const match = /^claude-[a-z]+-(\d+)(?:-(\d))?(?:-\d{8})?$/.exec(model);
  return match === null ? undefined : Number(`${match[1]}.${match[2] ?? 0}`);
}

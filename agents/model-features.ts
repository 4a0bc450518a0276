/**
 * Whether a model takes messages with the role `system` in the middle of a conversation: Claude 4.8 and
 * later. A name that is not understood, such as an alias of a gateway, is taken for one that does not.
 */
export function takesSystemMessages(model: string): boolean {
  const match = /^claude-[a-z]+-(\d+)(?:-(\d))?(?:-\d{8})?$/.exec(model);
  return match !== null && Number(`${match[1]}.${match[2] ?? 0}`) >= 4.8;
}

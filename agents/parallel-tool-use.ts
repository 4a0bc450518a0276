/**
 * Anthropic's own wording, with the clause about dependent calls; said to bring parallel calls close
 * to always where they are possible.
 * https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/claude-prompting-best-practices
 */
export const PARALLEL_TOOL_USE = `<use_parallel_tool_calls>
If you intend to call multiple tools and there are no dependencies between the tool calls, make all of the independent tool calls in parallel. Prioritize calling tools simultaneously whenever the actions can be done in parallel rather than sequentially. For example, when reading 3 files, run 3 tool calls in parallel to read all 3 files into context at the same time. Maximize use of parallel tool calls where possible to increase speed and efficiency. However, if some tool calls depend on previous calls to inform dependent values like the parameters, do NOT call these tools in parallel and instead call them sequentially. Never use placeholders or guess missing parameters in tool calls.
</use_parallel_tool_calls>`;

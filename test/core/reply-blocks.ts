import type { ReplyBlock } from '../../core/conversation/messages.ts';

// Blocks of a reply, for tests.

const direct = { type: 'direct' } as const;
export const text = (words: string): ReplyBlock => ({ type: 'text', text: words, citations: null });
export const thinking: ReplyBlock = { type: 'thinking', thinking: '', signature: 's' };
export const redacted: ReplyBlock = { type: 'redacted_thinking', data: 'x' };
export const search = (id: string): ReplyBlock => ({
  type: 'server_tool_use',
  id,
  name: 'web_search',
  input: {},
  caller: direct,
});
export const found = (id: string): ReplyBlock => ({
  type: 'web_search_tool_result',
  tool_use_id: id,
  content: [],
  caller: direct,
});

// Parts of requests, valid and invalid ones.

export const user = (...content: unknown[]) => ({ role: 'user', content });
export const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
export const system = (text: string) => ({ role: 'system', content: [{ type: 'text', text }] });
export const text = (words: string) => ({ type: 'text', text: words });
export const call = (id: string, more = {}) => ({
  type: 'tool_use',
  id,
  name: 'get_customer',
  input: {},
  ...more,
});
export const result = (id: string, more = {}) => ({
  type: 'tool_result',
  tool_use_id: id,
  content: 'ok',
  ...more,
});
export const search = {
  type: 'server_tool_use',
  id: 'srvtoolu_1',
  name: 'web_search',
  input: { query: 'x' },
};
export const found = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] };
export const image = { type: 'image', source: { type: 'url', url: 'http://localhost/a.png' } };
export const cached = (words: string) => ({ ...text(words), cache_control: { type: 'ephemeral' } });
export const tool = (more: object) => ({ name: 'x', input_schema: { type: 'object' }, ...more });

export const hello = user(text('Hello'));
export const base = { model: 'claude-opus-5-5', max_tokens: 100, messages: [hello] };
export const talk = (...messages: unknown[]) => ({ ...base, messages });
export const tools = (...tools: unknown[]) => ({ ...base, tools });
export const without = (key: string) =>
  Object.fromEntries(Object.entries(base).filter(([name]) => name !== key));

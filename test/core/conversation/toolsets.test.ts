import { expect, test } from 'vitest';
import { mergeOutcomes } from '../../../core/calls/merge-outcomes.ts';
import { originOf, resultProblem } from '../../../core/calls/origin.ts';
import type {
  ToolResultBlock,
  ToolResultContent,
  ToolUse,
} from '../../../core/conversation/messages.ts';
import {
  toolCalls,
  toolsetKey,
  toolsetOf,
  toolsetOfKey,
} from '../../../core/conversation/toolsets.ts';
import { call } from '../arbitraries.ts';

const member = (id: string, name: string, input: unknown, toolset: string): ToolUse => ({
  ...call(id, name),
  input,
  toolset_name: toolset,
});
const text: ToolResultBlock = { type: 'text', text: 'seen' };
const image: ToolResultBlock = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'AAAA' },
};
const state: ToolResultBlock = { type: 'browser_state', tabs: [] };
const found: ToolResultBlock = { type: 'search_result', source: 'x', title: 'x', content: [text] };

test('a toolset is known by the type of its entry', () => {
  expect(toolsetOf({ type: 'browser_toolset_20260801' })).toBe('browser');
  expect(toolsetOf({ type: 'computer_toolset_20270101' })).toBe('computer');
  expect(toolsetOf({ type: 'web_search_20260318' })).toBeUndefined();
  expect(toolsetOf({ type: null })).toBeUndefined();
  expect(toolsetOf({})).toBeUndefined();
});

test("a call of a toolset's member becomes one of the toolset's tool, with the member as its action", () => {
  const click = member('toolu_1', 'left_click', { coordinate: [1, 2] }, 'computer');
  const own = call('toolu_2', 'left_click');

  expect(toolCalls([text, click, own])).toEqual([
    { ...click, name: 'computer', input: { action: 'left_click', coordinate: [1, 2] } },
    own,
  ]);
});

test('a call whose input is not an object does not change', () => {
  const broken = member('toolu_1', 'left_click', 'now', 'computer');
  expect(toolCalls([broken])).toEqual([broken]);
});

test('every result of an action names its toolset, even if the action did not run', () => {
  const actions = ['left_click', 'screenshot'].map((name, i) =>
    member(`toolu_${i}`, name, {}, 'computer'),
  );
  const { content } = mergeOutcomes(toolCalls(actions), [
    { type: 'succeeded', content: 'done' },
    { type: 'skipped', message: 'Not executed.' },
  ]);

  expect(content).toEqual([
    { type: 'tool_result', tool_use_id: 'toolu_0', toolset_name: 'computer', content: 'done' },
    {
      type: 'tool_result',
      tool_use_id: 'toolu_1',
      toolset_name: 'computer',
      content: 'Not executed.',
      is_error: true,
    },
  ]);
});

test('the actions of a toolset share a key, which names the toolset', () => {
  expect(toolsetOfKey(toolsetKey('browser'))).toBe('browser');
  expect(toolsetOfKey(toolsetKey('computer'))).toBe('computer');
  expect(toolsetOfKey('{"path":"/a"}')).toBeUndefined();
  expect(toolsetOfKey(undefined)).toBeUndefined();
});

test.for<[string, Partial<ToolUse>, ToolResultContent, string | undefined]>([
  ['text for code', code(), 'seen', undefined],
  ['texts for code', code(), [text, text], undefined],
  ['an image for code', code(), [text, image], 'code can only be given text'],
  ['anything for an ordinary call', {}, [text, image, found], undefined],
  ['a state of the browser for an ordinary call', {}, [state], 'only actions of the browser'],
  ['an image of the computer', { toolset_name: 'computer' }, [text, image], undefined],
  ['a search result of the computer', { toolset_name: 'computer' }, [found], 'texts and images'],
  ['a state of the computer', { toolset_name: 'computer' }, [state], 'only actions of the browser'],
  ['one state of the browser', { toolset_name: 'browser' }, [text, image, state], undefined],
  ['two states of the browser', { toolset_name: 'browser' }, [state, state], 'more than one'],
])('a result with %s', ([, use, content, problem]) => {
  const found = resultProblem(originOf(use), content);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(problem);
});

test('a result that the API would reject is answered as an error that says so', () => {
  const [action] = toolCalls([member('toolu_1', 'screenshot', {}, 'computer')]);
  const { content } = mergeOutcomes([action as ToolUse], [{ type: 'succeeded', content: [found] }]);
  expect(content).toMatchObject([{ is_error: true, toolset_name: 'computer' }]);
});

function code(): Partial<ToolUse> {
  return { caller: { type: 'code_execution_20260120', tool_id: 'srvtoolu_1' } };
}

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AgentOptions, ToolOptions } from '../../index.ts';
import { defineAgent, defineTool } from '../../index.ts';
import type { MessageReply } from '../../testing/messages/reply.ts';
import { callTools, reply, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { Door } from '../fixtures/door.ts';
import { Intervals } from '../fixtures/intervals.ts';
import { startPlait } from '../fixtures/plait.ts';
import { reader } from '../fixtures/tools.ts';
import { imageBlock, png } from '../fixtures/images.ts';

const ENTRY = {
  browser: 'browser_toolset_20260801',
  computer: 'computer_toolset_20260801',
} as const;
type Toolset = keyof typeof ENTRY;

const action = z.looseObject({ action: z.string(), fails: z.boolean().optional() });
type Action = z.infer<typeof action>;
type Run = (input: Action) => unknown;

/** The tool that runs the members of a toolset. */
const driver = (
  toolset: Toolset,
  run: Run,
  more: Partial<ToolOptions<typeof action, unknown>> = {},
) =>
  defineTool({
    name: toolset,
    description: 'Drives it.',
    inputSchema: action,
    run,
    ...more,
  });

const agentOf = (
  toolset: Toolset,
  tools: AgentOptions<unknown>['tools'] = [],
  more: Partial<AgentOptions<unknown>> = {},
) =>
  defineAgent({
    name: 'operator',
    model: 'claude-opus-5-5',
    serverTools: [{ type: ENTRY[toolset] }],
    tools,
    ...more,
  });

/** Calls of members, as the API takes them apart. */
const act = (toolset: Toolset, ...actions: [member: string, input?: object][]): MessageReply => ({
  content: actions.map(([name, input = {}]) => ({
    type: 'tool_use',
    name,
    input,
    toolset_name: toolset,
  })),
});

async function operate(
  toolset: Toolset,
  asked: MessageReply,
  { run, others = [] }: { run: Run; others?: NonNullable<AgentOptions<unknown>['tools']> },
) {
  const agent = agentOf(toolset, [driver(toolset, run), ...others]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [asked, say('Done.')]),
  });
  const result = await plait.agents.execute(agent, 'go');
  expect(result.text).toBe('Done.');
  return { result, tools: plait.model.requests[0]?.body?.tools };
}

test('the actions of a toolset run one after another in call order, beside other tools', async () => {
  const intervals = new Intervals();
  const door = new Door();
  const look = reader('look', () => door.pass());
  const { result, tools } = await operate(
    'computer',
    reply(
      act('computer', ['left_click', { coordinate: [1, 2] }]),
      callTools({ look: {} }),
      act('computer', ['type', { text: 'hi' }], ['screenshot']),
    ),
    {
      async run(input) {
        // Without the other tool at work beside it, the first action would never end.
        await door.reached();
        door.open();
        return await intervals.work(JSON.stringify(input), 50);
      },
      others: [look],
    },
  );

  expect(tools).toEqual([{ type: ENTRY.computer }, look.spec]);
  expect(intervals.names).toEqual([
    '{"action":"left_click","coordinate":[1,2]}',
    '{"action":"type","text":"hi"}',
    '{"action":"screenshot"}',
  ]);
  expect(intervals.mostAtOnce()).toBe(1);
  expect(result.calls.map(({ name, outcome }) => [name, outcome])).toEqual([
    ['computer', 'succeeded'],
    ['look', 'succeeded'],
    ['computer', 'succeeded'],
    ['computer', 'succeeded'],
  ]);
  expect(result.messages[1]?.content).toMatchObject([
    { name: 'left_click', input: { coordinate: [1, 2] }, toolset_name: 'computer' },
    { name: 'look' },
    { name: 'type', toolset_name: 'computer' },
    { name: 'screenshot', toolset_name: 'computer' },
  ]);
  const [click, looked] = (result.messages[2]?.content ?? []) as object[];
  expect(click).toMatchObject({ type: 'tool_result', toolset_name: 'computer' });
  expect(looked).not.toHaveProperty('toolset_name');
});

test('after an action that failed, the others of its toolset are skipped, in the words of the toolset', async () => {
  const done: string[] = [];
  const look = reader('look', () => 'seen');
  const { result } = await operate(
    'browser',
    reply(
      act(
        'browser',
        ['navigate', { url: 'http://localhost' }],
        ['left_click', { fails: true }],
        ['type'],
        ['screenshot'],
      ),
      callTools({ look: {} }),
    ),
    {
      run({ action: name, fails }) {
        done.push(name);
        if (fails === true) throw new Error('There is nothing to click.');
        return 'ok';
      },
      others: [look],
    },
  );

  expect(done).toEqual(['navigate', 'left_click']);
  expect(result.calls.map(({ outcome }) => outcome)).toEqual([
    'succeeded',
    'failed',
    'skipped',
    'skipped',
    'succeeded',
  ]);
  const skipped = {
    is_error: true,
    toolset_name: 'browser',
    content: 'Not executed: an earlier action in this turn failed.',
  };
  expect(result.messages[2]?.content).toMatchObject([
    { content: 'ok', toolset_name: 'browser' },
    { is_error: true, content: 'There is nothing to click.', toolset_name: 'browser' },
    skipped,
    skipped,
    { content: 'seen' },
  ]);
});

test('an action with a wrong input, or a call without an action, also stops those after it', async () => {
  const done: string[] = [];
  for (const [asked, problem] of [
    [act('computer', ['key', { fails: 'no' }], ['screenshot']), 'does not match the schema'],
    [
      reply(callTools({ computer: { actions: 'click' } }), act('computer', ['screenshot'])),
      'The call of computer names no action',
    ],
  ] as const) {
    const { result } = await operate('computer', asked, {
      run: ({ action: name }) => done.push(name),
    });
    expect(result.messages[2]?.content).toMatchObject([
      { is_error: true, content: expect.stringContaining(problem) as string },
      {
        is_error: true,
        content: 'Not executed: an earlier computer action in this turn failed.',
      },
    ]);
  }
  expect(done).toEqual([]);
});

test('an action returns texts, images and the state of the browser', async () => {
  const content = [
    { type: 'text', text: 'Loaded.' },
    imageBlock(png()),
    { type: 'browser_state', tabs: [{ tab_id: '1', title: 'x', url: '', active: true }] },
  ];
  const { result } = await operate('browser', act('browser', ['navigate']), { run: () => content });
  expect(result.messages[2]?.content).toMatchObject([{ content, toolset_name: 'browser' }]);
});

test('an action that returns anything else has failed, and those after it are skipped', async () => {
  const found = [{ type: 'document', source: { type: 'url', url: 'http://localhost/a.pdf' } }];
  const { result } = await operate('computer', act('computer', ['wait'], ['screenshot']), {
    run: () => found,
  });
  expect(result.calls.map(({ outcome }) => outcome)).toEqual(['failed', 'skipped']);
  expect(result.messages[2]?.content).toMatchObject([
    { is_error: true, content: expect.stringContaining('more than texts and images') as string },
    { is_error: true },
  ]);
});

const run = () => 1;

describe('a declaration is invalid', () => {
  test.for<[string, () => unknown, string]>([
    [
      'with a toolset that no tool runs',
      () => agentOf('browser'),
      'serverTools: browser_toolset_20260801 runs in your worker; give the agent a tool named browser',
    ],
    [
      'with a toolset that has a name',
      () => agentOf('browser', [], { serverTools: [{ type: ENTRY.browser, name: 'b' } as never] }),
      'or { type } for a toolset',
    ],
    [
      'with one toolset twice',
      () =>
        agentOf('browser', [driver('browser', run)], {
          serverTools: [{ type: ENTRY.browser }, { type: ENTRY.browser }],
        }),
      'serverTools: two are named browser; leave one out',
    ],
    [
      'with another order of the actions',
      () => agentOf('computer', [driver('computer', run, { access: 'exclusive' })]),
      'which always run in call order; leave out access',
    ],
    [
      'with options that the entry would hide',
      () => agentOf('computer', [driver('computer', run, { deferLoading: true })]),
      'set defer_loading and allowed_callers there, not on the tool',
    ],
  ])('%s', ([, declare, problem]) => {
    expect(declare).toThrow(problem);
  });
});

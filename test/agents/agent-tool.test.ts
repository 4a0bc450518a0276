import { expect, test } from 'vitest';
import { z } from 'zod';
import { agentsOf } from '../../agents/agent-registry.ts';
import type { Agent, AgentOptions, Tool } from '../../index.ts';
import { agentTool, DeclarationError, defineAgent, examplePrices } from '../../index.ts';
import { reader, writer } from '../fixtures/tools.ts';

const agent = (
  name: string,
  tools: readonly Tool[] = [],
  extras: Partial<AgentOptions<unknown>> = {},
): Agent => defineAgent({ name, model: 'claude-opus-5-5', tools, ...extras });

const scout = agent('web.scout');
const description = 'Looks things up.';

test('an agent is a tool that takes a prompt, named as the agent', async () => {
  const tool = agentTool(scout, { description });

  expect(tool.spec).toMatchObject({
    name: 'web_scout',
    description,
    input_schema: { type: 'object', required: ['prompt'] },
  });
  expect(tool.subAgent?.spec).toEqual({
    agent: 'web.scout',
    field: 'prompt',
    maxResultBytes: 100_000,
  });
  expect(await tool.parse({ prompt: 'Look.' })).toEqual({ ok: true, value: { prompt: 'Look.' } });
  expect(await tool.parse({ prompt: ' ' })).toMatchObject({ ok: false });
});

test('its options are data that a turn pins', () => {
  const tool = agentTool(scout, {
    name: 'look',
    description,
    input: z.object({ topic: z.string() }),
    output: z.object({ title: z.string() }),
    limits: { rounds: 3, wallTime: '2m' },
    taskQueue: 'scouts',
    maxResultBytes: 5_000,
    approval: 'always',
    approvalTimeout: '1h',
    concurrency: 2,
  });

  expect(tool).toMatchObject({ name: 'look', approval: 'always' });
  expect(tool.policy).toMatchObject({ concurrency: 2, approvalTimeout: 3_600_000 });
  expect(tool.policy.taskQueue).toBeUndefined();
  expect(tool.subAgent?.spec).toEqual({
    agent: 'web.scout',
    output: expect.objectContaining({ type: 'object', required: ['title'] }) as unknown,
    limits: { rounds: 3, wallTime: 120_000 },
    taskQueue: 'scouts',
    maxResultBytes: 5_000,
  });
});

test('functions of an agent without an input of its own get the prompt as a text', () => {
  const tool = agentTool(scout, {
    description,
    approval: ({ prompt }) => prompt.includes('pay'),
    session: ({ prompt }) => prompt.slice(0, 10),
  });
  expect(tool.subAgent?.session?.({ prompt: 'find a customer' }, {} as never)).toBe('find a cus');
});

test('an agent with a memory names the session of each call', () => {
  const tool = agentTool(scout, { description, session: (_input, { user }) => `of-${user}` });
  expect(tool.subAgent?.spec).toMatchObject({ session: true });
  const ctx = { turnId: 't', callId: 'c', agent: 'lead', user: 'ana', context: undefined };
  expect(tool.subAgent?.session?.({}, ctx)).toBe('of-ana');
  expect(agentTool(scout, { description }).subAgent?.spec).not.toHaveProperty('session');
});

const policyOf = ({ background }: Agent) => background;

test('an agent whose calls may go on in the background has get_agent_result, too', () => {
  const behind = agentTool(scout, { description, mode: 'background' });
  expect(behind.subAgent?.spec).toMatchObject({ mode: 'background' });
  expect(agentTool(scout, { description, mode: 'wait' }).subAgent?.spec).not.toHaveProperty('mode');

  expect(policyOf(agent('lead', [agentTool(scout, { description })]))).toBeUndefined();
  expect(policyOf(agent('lead', [behind]))).toEqual({ atEnd: 'wait' });
  expect(policyOf(agent('lead', [behind], { backgroundAtEnd: 'cancel' }))).toEqual({
    atEnd: 'cancel',
  });
  const patient = agent('lead', [reader('look', () => '')], { onTimeout: 'continue' });
  expect(policyOf(patient)).toEqual({ atEnd: 'wait', onTimeout: 'continue' });
  expect([...patient.tools.keys()]).toEqual(['look', 'get_agent_result']);
  expect(patient.spec.tools).toMatchObject([{ name: 'look' }, { name: 'get_agent_result' }]);
  expect(policyOf(agent('lead', [], { onTimeout: 'cancel' }))).toBeUndefined();
});

test('get_agent_result takes an id, and whether to wait', async () => {
  const { tools } = agent('lead', [agentTool(scout, { description, mode: 'background' })]);
  const tool = tools.get('get_agent_result');
  expect(await tool?.parse({ id: 'toolu_1', wait: false })).toMatchObject({ ok: true });
  expect(await tool?.parse({})).toMatchObject({ ok: false });
});

test('contradicting options for the background are reported', () => {
  expect(() => agent('lead', [], { backgroundAtEnd: 'wait' })).toThrow(
    /backgroundAtEnd has no effect/,
  );
  const own = reader('get_agent_result', () => '');
  const behind = agentTool(scout, { description, mode: 'background' });
  expect(() => agent('lead', [own, behind])).toThrow(/get_agent_result is Plait's own tool/);
});

test('it is safe to repeat if all tools of the agent are', () => {
  const reads = agent('reads', [reader('look', () => 'seen')]);
  const writes = agent('writes', [reader('look', () => 'seen'), writer('pay', () => 'paid')]);
  const nested = agent('nested', [agentTool(writes, { description })]);

  const repeatable = [scout, reads, writes, nested].map(
    (one) => agentTool(one, { description }).policy.repeatable,
  );
  expect(repeatable).toEqual([true, true, false, false]);
});

test.for([
  [() => agentTool({} as Agent, { description }), /the agent must be what defineAgent returns/],
  [() => agentTool(scout, {} as { description: string }), /description must be a text/],
  [() => agentTool(scout, { description, name: 'a b' }), /name must be 1 to 64 letters/],
  [() => agentTool(scout, { description, limits: { costUSD: 1 } }), /limits.costUSD needs prices/],
  [
    () => agentTool(scout, { description, output: { type: 'object', additionalProperties: true } }),
    /output allows properties/,
  ],
  [
    () => agentTool(scout, { description, session: 'memory' as never }),
    /session must be a function that returns the id of a session/,
  ],
  [
    () =>
      agentTool(scout, {
        description,
        session: () => 'memory',
        output: z.object({ title: z.string() }),
      }),
    /output cannot be given together with session.*give output to agent web.scout itself/,
  ],
  [() => agentTool(scout, { description, depth: 1 } as never), /unknown option depth/],
  [() => agentTool(scout, { description: 'Half \ud83d' }), /description holds half of an emoji/],
] as const)('%s is a mistake', ([declare, problem]) => {
  expect(declare).toThrow(DeclarationError);
  expect(declare).toThrow(problem);
});

test('a worker has the sub-agents of its agents, at every level, each once', () => {
  const middle = agent('middle', [agentTool(scout, { description })]);
  const lead = agent('lead', [
    agentTool(middle, { description }),
    agentTool(scout, { description, name: 'quick_look' }),
  ]);

  expect(agentsOf({ agents: [lead, scout] }).map(({ name }) => name)).toEqual([
    'lead',
    'web.scout',
    'middle',
  ]);
});

test('an agent may be declared with no more levels of sub-agents than its limit', () => {
  const nested = (levels: number): Agent =>
    levels === 0
      ? scout
      : agent(`level-${levels}`, [agentTool(nested(levels - 1), { description })], {
          limits: { depth: 10 },
        });

  const above = [agentTool(nested(3), { description })];
  expect(() => agent('lead', [agentTool(nested(2), { description })])).not.toThrow();
  expect(() => agent('lead', above)).toThrow(
    /level-3 makes 4 levels of sub-agents, and limits.depth is 3/,
  );
  expect(() => agent('lead', above, { limits: { depth: 4 } })).not.toThrow();
  expect(() =>
    agent('lead', [agentTool(scout, { description })], { limits: { depth: 0 } }),
  ).toThrow(/limits.depth is 0/);
});

test('a limit in dollars needs prices for the sub-agents too', () => {
  const prices = examplePrices['claude-opus-5-5'];
  const costs = { limits: { costUSD: 1 }, ...(prices && { prices }) };
  const priced = agent('priced', [], prices && { prices });

  expect(() => agent('lead', [agentTool(scout, { description })], costs)).toThrow(
    /limits.costUSD needs prices of every sub-agent too, and the agent of tool web_scout has none/,
  );
  expect(() => agent('lead', [agentTool(priced, { description })], costs)).not.toThrow();
});

test('a workflow of an earlier version that schedules it as an activity reads why it did not run', () => {
  const tool = agentTool(scout, { description });
  expect(() => tool.run({ prompt: 'Look.' }, {} as never)).toThrow(/older version of Plait/);
});

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { agentsOf, createAgentRegistry } from '../../agents/agent-registry.ts';
import { DeclarationError } from '../../agents/declaration-error.ts';
import { defineAgent } from '../../agents/define-agent.ts';
import { defineTool } from '../../agents/define-tool.ts';
import { SPECIAL_NAMES } from './tools.ts';

function agent(name: string, ...toolNames: string[]) {
  const tools = toolNames.map((toolName) =>
    defineTool({
      name: toolName,
      description: `Does ${toolName} for ${name}.`,
      inputSchema: z.object({}),
      run: () => name,
    }),
  );
  return defineAgent({ name, model: 'claude-opus-5-5', tools });
}

describe('the option agents of a worker', () => {
  test('is an array of agents, even from another copy of Plait', () => {
    const agents = [agent('support', 'get_orders'), { ...agent('sales') }];

    expect(agentsOf({ agents })).toEqual(agents);
  });

  test.for([
    [
      'without options',
      undefined,
      'agents must be an array of what defineAgent returns; got undefined',
    ],
    ['without agents', {}, 'agents must be an array of what defineAgent returns; got undefined'],
    [
      'with one agent instead of an array',
      { agents: agent('support') },
      'agents must be an array of what defineAgent returns; got an object',
    ],
    ['with null', { agents: [null] }, 'agents[0] must come from defineAgent; got null'],
    ['with a hole', { agents: Array(1) }, 'agents[0] must come from defineAgent; got undefined'],
    [
      'with the options of an agent',
      { agents: [agent('support'), { name: 'sales', model: 'claude-opus-5-5' }] },
      'agents[1] must come from defineAgent; got an object',
    ],
  ] as const)('is invalid %s', ([, options, problem]) => {
    expect(() => agentsOf(options)).toThrow(new DeclarationError(problem));
  });
});

describe('the agents of a worker', () => {
  test('are found by name, and their tools by the name of the agent and their own', () => {
    const [support, sales] = [
      agent('support', 'get_orders'),
      agent('sales', 'get_orders', 'offer'),
    ];

    const registry = createAgentRegistry([support, sales]);

    expect(registry.names).toEqual(['support', 'sales']);
    expect(registry.agent('sales')).toBe(sales);
    expect(registry.agent('support')?.tools.get('get_orders')).toBe(
      support.tools.get('get_orders'),
    );
    expect(registry.agent('sales')?.tools.get('get_orders')).toBe(sales.tools.get('get_orders'));
  });

  test('list every tool once, also when two agents have a tool of the same name', () => {
    const registry = createAgentRegistry([agent('a', 'x', 'y'), agent('b', 'y', 'z')]);

    expect(registry.toolNames).toEqual(['x', 'y', 'z']);
  });

  test('are not found by names that every object has', () => {
    const registry = createAgentRegistry([agent('support', 'get_orders')]);

    for (const name of [...SPECIAL_NAMES, 'hasOwnProperty', '']) {
      expect(registry.agent(name)).toBeUndefined();
      expect(registry.agent('support')?.tools.get(name)).toBeUndefined();
      expect(registry.agent(name)?.tools.get('get_orders')).toBeUndefined();
    }
  });

  test.for(SPECIAL_NAMES)('may be named %s, and so may a tool', (name) => {
    const special = agent(name, name);

    const registry = createAgentRegistry([special]);

    expect(registry.agent(name)).toBe(special);
    expect(registry.agent(name)?.tools.get(name)).toBe(special.tools.get(name));
    expect([registry.names, registry.toolNames]).toEqual([[name], [name]]);
  });

  test('may hold the same agent twice', () => {
    const support = agent('support');

    expect(createAgentRegistry([support, support]).names).toEqual(['support']);
  });

  test('may be an empty list', () => {
    expect(createAgentRegistry([])).toMatchObject({ names: [], toolNames: [] });
  });

  test('are invalid when two different ones have the same name', () => {
    expect(() => createAgentRegistry([agent('support'), agent('support')])).toThrow(
      new DeclarationError(
        'two agents are named support; a turn finds its agent by name, so give each its own name',
      ),
    );
  });
});

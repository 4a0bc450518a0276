import { defineAgent } from 'plait';
import { mcpServer } from 'plait/mcp';
import {
  callTools,
  conversation,
  expectTurn,
  say,
  startMcpServer,
  startTestEnvironment,
} from 'plait/testing';
import { test } from 'vitest';

test('when the connection ends during a call, the model reads that its outcome is unknown', async () => {
  await using notes = await startMcpServer({
    tools: {
      add: {
        run: async (_input, { dropConnections }) => {
          dropConnections();
          await new Promise(() => undefined); // it never answers
        },
      },
    },
  });
  const agent = defineAgent({
    name: 'noter',
    model: 'claude-opus-5-5',
    tools: [mcpServer({ name: 'notes', transport: notes.transport })],
  });
  const script = conversation('Note it', [callTools({ notes__add: { text: 'it' } }), say('Done.')]);
  await using env = await startTestEnvironment({ agents: [agent], script });

  const result = await env.agents.execute(agent, 'Note it');

  expectTurn(result).outcome('notes__add', 'unknown', 'may or may not have taken effect');
});

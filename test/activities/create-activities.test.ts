import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createActivities } from '../../activities/create-activities.ts';
import { DeclarationError } from '../../agents/declaration-error.ts';
import { defineAgent } from '../../agents/define-agent.ts';
import { defineTool } from '../../agents/define-tool.ts';
import {
  ANNOUNCE_APPROVAL,
  AUTHORIZE_DECISION,
  AWAIT_SESSION_TURN,
  AWAIT_TURN,
  CALL_MODEL,
  CANCEL_TURN,
  PREPARE_CALL,
  PRESENT_RESULT,
  READ_TRANSCRIPT,
  READ_TURN,
  RUN_LOCALLY,
  SEND_TO_SESSION,
  WRITE_TRACE,
} from '../../core/names.ts';
import { SPECIAL_NAMES } from '../agents/tools.ts';

const OWN = [
  CALL_MODEL,
  CANCEL_TURN,
  READ_TRANSCRIPT,
  READ_TURN,
  PREPARE_CALL,
  ANNOUNCE_APPROVAL,
  PRESENT_RESULT,
  AWAIT_TURN,
  AWAIT_SESSION_TURN,
  SEND_TO_SESSION,
  RUN_LOCALLY,
  WRITE_TRACE,
];

function agent(name: string, ...toolNames: readonly string[]) {
  const tools = toolNames.map((toolName) =>
    defineTool({
      name: toolName,
      description: 'Does something.',
      inputSchema: z.object({}),
      run: () => toolName,
    }),
  );
  return defineAgent({ name, model: 'claude-opus-5-5', tools });
}

test.for([undefined, null, {}, { agents: [null] }, { agents: 7n }])(
  'activities need agents, and %s has none',
  (options) => {
    expect(() => createActivities(options as never)).toThrow(DeclarationError);
  },
);

describe('the activities of a worker', () => {
  test("are Plait's own, plus one for the name of every tool", () => {
    const activities = createActivities({
      agents: [agent('support', 'get_orders', 'pay'), agent('sales', 'get_orders')],
    });

    expect(Object.keys(activities).toSorted()).toEqual(['get_orders', 'pay', ...OWN].toSorted());
  });

  test('include another one if decisions are verified', () => {
    const options = { agents: [agent('support', 'pay')], authorizeDecision: () => true };

    expect(Object.keys(createActivities(options)).toSorted()).toEqual(
      ['pay', ...OWN, AUTHORIZE_DECISION].toSorted(),
    );
    expect(() => createActivities({ ...options, authorizeDecision: 'ana' as never })).toThrow(
      new DeclarationError('authorizeDecision must be a function; got "ana"'),
    );
  });

  test.for(SPECIAL_NAMES)('include one for a tool that is named %s', (name) => {
    const activities = createActivities({ agents: [agent('support', name)] });

    expect(Object.keys(activities).toSorted()).toEqual([name, ...OWN].toSorted());
    expect(Object.getOwnPropertyDescriptor(activities, name)?.value).toBeTypeOf('function');
    expect(Object.getPrototypeOf(activities)).toBe(Object.prototype);
  });

  test('can be created without an API key', () => {
    expect(() => createActivities({ agents: [], anthropic: { apiKey: null } })).not.toThrow();
  });

  test.for(['5m', 0, 'soon', 281_000])(
    'do not accept an idle timeout of %j',
    (modelIdleTimeout) => {
      expect(() => createActivities({ agents: [], modelIdleTimeout })).toThrow(
        new DeclarationError(
          `modelIdleTimeout must be a duration of at most 280 s, since Node's fetch gives up after 300 s of silence; got ${JSON.stringify(modelIdleTimeout)}`,
        ),
      );
    },
  );

  test.for(['280s', 1, '90 seconds'])('accept an idle timeout of %j', (modelIdleTimeout) => {
    expect(() => createActivities({ agents: [], modelIdleTimeout })).not.toThrow();
  });
});

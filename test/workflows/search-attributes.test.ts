import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { SearchAttributePair } from '@temporalio/common';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { sessionAttributes } from '../../core/search-attributes.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { agentWith } from '../fixtures/tools.ts';

let plait: TestEnvironment;

beforeAll(async () => {
  plait = await startTestEnvironment({
    agents: [agentWith([])],
    script: conversation(/./, [say('Done.')]),
    temporal: { address: inject('temporalAddress') },
    workflowsPath: fileURLToPath(new URL('../fixtures/own-workflows.ts', import.meta.url)),
  });
});

afterAll(() => plait.close());

/** What stands in the lists of a session, and of its turn, when both have ended. */
async function sessionAndTurn(
  typedSearchAttributes: SearchAttributePair[],
): Promise<Record<string, unknown>[]> {
  const { workflow } = plait.agents.client;
  const [workflowId, turnId] = [randomUUID(), randomUUID()];
  await workflow.execute('parentOfTurn', {
    workflowId,
    taskQueue: plait.taskQueue,
    args: [{ agent: 'tester', input: 'go' }, turnId],
    typedSearchAttributes,
  });
  const ids = [workflowId, turnId];
  const described = await Promise.all(ids.map((id) => workflow.getHandle(id).describe()));
  return described.map((run) => {
    const ours = run.typedSearchAttributes
      .getAll()
      .filter(({ key }) => key.name.startsWith('Plait'));
    return Object.fromEntries(ours.map(({ key, value }) => [key.name, value]));
  });
}

test('a session passes its search attributes on to its turns', async () => {
  expect(await sessionAndTurn(sessionAttributes({ agent: 'tester', user: 'ada' }))).toEqual([
    { PlaitAgent: 'tester', PlaitUser: 'ada', PlaitStopReason: 'none' },
    { PlaitAgent: 'tester', PlaitUser: 'ada', PlaitStopReason: 'end_turn' },
  ]);
});

test('a session that was started without any sets none, and its turns have none', async () => {
  expect(await sessionAndTurn([])).toEqual([{}, {}]);
});

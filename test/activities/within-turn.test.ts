import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { createActivities } from '../../activities/create-activities.ts';
import { agentWith, writer } from '../fixtures/tools.ts';

let paid = 0;
const pay = writer('pay', () => `paid ${(paid += 1)} times`);
const activities: Record<string, unknown> = createActivities({ agents: [agentWith([pay])] });
const inWorkflow = (workflowType: string | undefined, activityType: string) =>
  new MockActivityEnvironment(
    {
      activityType,
      workflowType,
      activityId: 'toolu_1',
    } as ConstructorParameters<typeof MockActivityEnvironment>[0],
    { logger: new DefaultLogger('ERROR') },
  );

test.for([
  ['by a workflow payDirectly', 'payDirectly'],
  ['without a workflow', undefined],
  ['without a workflow', ''],
] as const)('no activity runs if it was scheduled %s', async ([how, workflowType]) => {
  for (const [name, run] of Object.entries(activities)) {
    const call = inWorkflow(workflowType, name).run(run as () => Promise<unknown>);
    await expect(call).rejects.toMatchObject({
      type: 'plait.OutsideOfTurn',
      nonRetryable: true,
      message: expect.stringContaining(`The activity ${name} was scheduled ${how}, and`) as string,
    });
  }
  expect(paid).toBe(0);
});

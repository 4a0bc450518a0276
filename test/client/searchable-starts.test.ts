import { randomUUID } from 'node:crypto';
import type { ConnectionLike, WorkflowStartOptions } from '@temporalio/client';
import { Client, Connection, WithStartWorkflowOperation } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { describe, expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { SearchAttributesMissingError } from '../../client/errors.ts';
import { keyword, listWorkflows } from '../../client/lists.ts';
import { SearchableStarts } from '../../client/start.ts';
import type { KeywordKey } from '../../core/search-attributes.ts';

const UNKNOWN: KeywordKey = { name: 'NobodyRegisteredThis', type: 'KEYWORD' };

async function connect(type: string): Promise<ConnectionLike> {
  const address = inject('temporalAddress');
  return type === 'native'
    ? await NativeConnection.connect({ address })
    : await Connection.connect(withDefaults({ address }));
}

describe.each(['grpc-js', 'native'])('with a %s connection', (type) => {
  test('a rejected start is repeated without search attributes, and other errors stay', async () => {
    const connection = await connect(type);
    const { workflow } = new Client({ connection });
    const offered: boolean[] = [];
    const start = (attributes: Pick<WorkflowStartOptions, 'typedSearchAttributes'>) => {
      offered.push('typedSearchAttributes' in attributes);
      return workflow.start('nothing', {
        workflowId: randomUUID(),
        taskQueue: 'nobody',
        ...attributes,
      });
    };
    const starts = new SearchableStarts();
    await starts.start([{ key: UNKNOWN, value: 'x' }], start);
    await starts.start([{ key: UNKNOWN, value: 'x' }], start);
    expect(offered).toEqual([true, false, false]);

    const broken = starts.start([], () => Promise.reject(new RangeError('broken')));
    await expect(broken).rejects.toThrow(RangeError);
    await connection.close();
  });

  test('an Update-with-Start is rejected and repeated like a start', async () => {
    const connection = await connect(type);
    const { workflow } = new Client({ connection });
    const offered: boolean[] = [];
    const starts = new SearchableStarts();
    const update = starts.start([{ key: UNKNOWN, value: 'x' }], (attributes) => {
      offered.push('typedSearchAttributes' in attributes);
      if (offered.length === 2) return Promise.resolve('sent without');
      return workflow.executeUpdateWithStart('send', {
        startWorkflowOperation: new WithStartWorkflowOperation('nothing', {
          workflowId: randomUUID(),
          taskQueue: 'nobody',
          workflowIdConflictPolicy: 'USE_EXISTING',
          ...attributes,
        }),
      });
    });
    expect(await update).toBe('sent without');
    expect(offered).toEqual([true, false]);
    await connection.close();
  });

  test('a list that needs an attribute reports that it is missing', async () => {
    const connection = await connect(type);
    const list = listWorkflows(new Client({ connection }), 'nothing', keyword(UNKNOWN, 'x'));
    await expect(list.next()).rejects.toThrow(SearchAttributesMissingError);
    await expect(
      listWorkflows(new Client({ connection }), 'nothing', keyword(UNKNOWN, 'x')).next(),
    ).rejects.toThrow(/NobodyRegisteredThis/);
    await connection.close();
  });
});

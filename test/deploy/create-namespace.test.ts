import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { SEARCH_ATTRIBUTES } from '../../core/search-attributes.ts';
import { ROOT } from '../../deploy/compose-file.ts';
import { findTemporalBinary } from '../../testing/temporal-binary.ts';

test.skipIf(process.platform === 'win32')(
  'deploy/create-namespace.sh creates a namespace with the search attributes, and can run twice',
  async () => {
    const bin = await mkdtemp(join(tmpdir(), 'plait-bin-'));
    const { path } = await findTemporalBinary();
    await symlink(path, join(bin, 'temporal'));
    const namespace = `created-${randomUUID()}`;
    const env = {
      PATH: `${bin}:${process.env['PATH']}`,
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      TEMPORAL_NAMESPACE: namespace,
      TEMPORAL_RETENTION: '72h',
    };
    const script = join(ROOT, 'deploy', 'create-namespace.sh');
    for (const _ of ['created', 'exists']) {
      const { stdout } = await promisify(execFile)('/bin/sh', [script], { env });
      expect(stdout).toContain(`The namespace ${namespace} exists.`);
    }
    await rm(bin, { recursive: true });

    const connection = await Connection.connect(withDefaults({ address: env.TEMPORAL_ADDRESS }));
    const { operatorService } = connection;
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    await connection.close();
    const keyword = 2;
    const expected = Object.keys(SEARCH_ATTRIBUTES).map((name) => [name, keyword]);
    expect(customAttributes).toEqual(Object.fromEntries(expected));
  },
);

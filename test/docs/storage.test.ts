import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { directoryStorage } from 'plait/storage';
import { withDefaults } from '../../client/connection-options.ts';
import { postgresTable } from '../../storage/postgres.ts';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { plait } from '../cli/plait-process.ts';
import { collectGarbage } from './collect-garbage.ts';
import { ask, runWorker } from './storage-worker.ts';

describe('docs/storage.md', () => {
  const guide = testGuide('docs/storage.md', 2);

  test('has programs that compile', () => {
    for (const program of [ask, runWorker]) expect(program).toBeTypeOf('function');
  });

  test('shows the statement that makes the table', () => {
    expect(guide).toContain(`\`\`\`sql\n${postgresTable()};\n\`\`\``);
  });
});

async function oldObject(): Promise<{ directory: string; left: () => Promise<number> }> {
  const directory = await mkdtemp(join(tmpdir(), 'plait-gc-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const storage = directoryStorage(directory);
  const [claim] = await storage.store({}, [defaultPayloadConverter.toPayload(randomUUID())]);
  const key = claim?.claimData['key'] ?? '';
  const old = new Date(Date.now() - 8 * 86_400_000);
  await utimes(join(directory, key.slice(0, 2), key), old, old);
  const left = async (): Promise<number> => {
    let objects = 0;
    for await (const { key: left } of storage.list()) if (left === key) objects += 1;
    return objects;
  };
  return { directory, left };
}

describe('collecting garbage', () => {
  // It has no workflows that name anything.
  const env = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: 'temporal-system',
  };

  test('by the program of the guide keeps everything where the wrong namespace is asked', async () => {
    const { directory, left } = await oldObject();
    const connection = await Connection.connect(
      withDefaults({ address: inject('temporalAddress') }),
    );
    onTestFinished(() => connection.close());
    const client = new Client({ connection, namespace: 'temporal-system' });

    await expect(collectGarbage(client, directoryStorage(directory))).rejects.toThrow(
      'everything old in it would be removed',
    );
    expect(await left()).toBe(1);
  });

  test('by the command removes what is old, once it is told to and not in a dry run', async () => {
    const { directory, left } = await oldObject();
    const gc = (...options: string[]) =>
      plait(['storage', 'gc', '--storage', directory, ...options], { env });

    const refused = await gc();
    expect(refused.stderr).toMatch(/everything old in it would be removed.*add --remove-all\.\n$/);
    expect(refused.code).toBe(8);
    const young = await gc('--older-than', '2h');
    expect(young).toMatchObject({ code: 2 });
    expect(young.stderr).toContain('--older-than must be at least 1 d');
    const dry = await gc('--remove-all', '--dry-run');
    expect(dry.stdout).toMatch(
      /Would remove 1 object \(1 kB\): written before .*Z, and needed by no workflow/,
    );
    expect(await left()).toBe(1);

    const { code, stdout } = await gc('--remove-all');
    expect(stdout).toContain('Removed 1 object (1 kB)');
    // The command itself has written nothing.
    expect(stdout).toContain('Kept 0 objects (0 kB) that workflows need, and 0 objects');
    expect(code).toBe(0);
    expect(await left()).toBe(0);
  });
});

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeterminismViolationError } from '@temporalio/workflow';
import { describe, expect, test } from 'vitest';
import { replayHistories } from '../../testing/replay.ts';
import { inThisThread } from '../fixtures/sandbox.ts';

const directory = new URL('../histories/', import.meta.url);
const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
const replay = (file: string | URL) => replayHistories([file], inThisThread);

describe('turns that were recorded with earlier versions can go on with this one:', () => {
  test.each(names)('%s', async (name) => {
    await replay(new URL(name, directory));
  });

  test('and there are some of every kind', () => {
    expect(names.length).toBeGreaterThanOrEqual(9);
  });

  test('and a history that the workflow would not produce is noticed', async () => {
    const other = join(mkdtempSync(join(tmpdir(), 'plait-history-')), 'other.json');
    const recorded = readFileSync(new URL('three-calls.json', directory), 'utf8');
    writeFileSync(other, recorded.replaceAll('"look"', '"other"'));
    await expect(replay(other)).rejects.toMatchObject({
      name: 'ReplayFailedError',
      cause: expect.any(DeterminismViolationError) as unknown,
    });
  });
});

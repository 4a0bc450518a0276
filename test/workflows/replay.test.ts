import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { describe, expect, inject, test } from 'vitest';
import '../fixtures/plait.ts';

const directory = new URL('../histories/', import.meta.url);
const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
const read = (name: string) => readFileSync(new URL(name, directory), 'utf8');
const replay = (json: string) =>
  Worker.runReplayHistory(
    { workflowBundle: { codePath: inject('workflowBundle') } },
    JSON.parse(json),
  );

describe('turns that were recorded with earlier versions can go on with this one', () => {
  test.each(names)('%s', async (name) => {
    await replay(read(name));
  });

  test('there are some of every kind', () => {
    expect(names.length).toBeGreaterThanOrEqual(7);
  });

  test('a history that the workflow would not produce is noticed', async () => {
    const other = read('three-calls.json').replaceAll('"look"', '"other"');
    await expect(replay(other)).rejects.toThrow(DeterminismViolationError);
  });
});

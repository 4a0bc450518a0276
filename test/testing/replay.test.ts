import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { DeterminismViolationError } from '@temporalio/workflow';
import { describe, expect, inject, test } from 'vitest';
import { callTools, say } from '../../testing/replies.ts';
import { recordHistory, ReplayFailedError, replayHistories } from '../../testing/replay.ts';
import { conversation } from '../../testing/script.ts';
import { findTemporalBinary } from '../../testing/temporal-binary.ts';
import { alwaysFail, withToolFaults } from '../../testing/tool-faults.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const options = { workflowBundle: { codePath: inject('workflowBundle') } };
const histories = fileURLToPath(new URL('../histories/', import.meta.url));
const threeCalls = readFileSync(join(histories, 'three-calls.json'), 'utf8');

/** A folder with these files. */
function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'plait-replay-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const other = threeCalls.replaceAll('"look"', '"other"');

describe('replayHistories', () => {
  test('replays every history of a folder', async () => {
    const expected = readdirSync(histories).map((name) => join(histories, name));
    expect(await replayHistories(histories, options)).toEqual(expected.toSorted());
  });

  test('replays files, given as paths or as URLs', async () => {
    const folder = folderWith({ 'a.json': threeCalls, 'b.json': threeCalls });
    const files = [join(folder, 'b.json'), pathToFileURL(join(folder, 'a.json'))];
    expect(await replayHistories(files, options)).toEqual([
      join(folder, 'b.json'),
      join(folder, 'a.json'),
    ]);
    expect(await replayHistories(join(folder, 'a.json'), options)).toHaveLength(1);
  });

  test('reads a bare list of events, and events with the newest first, as the Temporal UI shows them', async () => {
    const { events } = JSON.parse(threeCalls) as { events: unknown[] };
    const folder = folderWith({
      'list.json': JSON.stringify(events),
      'newest-first.json': JSON.stringify({ events: events.toReversed() }),
    });
    expect(await replayHistories(folder, options)).toHaveLength(2);
  });

  test('reads what `temporal workflow show` writes', async () => {
    await using plait = await startPlait({ agents: [agentWith([])], script: () => say('Hello.') });
    const turn = await plait.agents.start('tester', 'hello');
    await turn.result();
    const { path } = await findTemporalBinary();
    const args = ['workflow', 'show', '--output', 'json', '--workflow-id', turn.turnId];
    const { stdout } = await promisify(execFile)(path, [
      ...args,
      '--address',
      plait.temporal.address,
    ]);
    const folder = folderWith({ 'shown.json': stdout });
    expect(await replayHistories(folder, options)).toHaveLength(1);
  });

  test('says which file was downloaded with its payloads decoded', async () => {
    const decoded = JSON.parse(threeCalls, (key, value: unknown) =>
      key === 'payloads' ? [{ agent: 'tester', input: 'go' }] : value,
    ) as unknown;
    const folder = folderWith({ 'decoded.json': JSON.stringify(decoded) });
    await expect(replayHistories(folder, options)).rejects.toThrow(
      `${join(folder, 'decoded.json')} cannot be replayed: its payloads are decoded`,
    );
  });

  test('replays with workflows of your own', async () => {
    const workflowsPath = fileURLToPath(new URL('../fixtures/own-workflows.ts', import.meta.url));
    const folder = folderWith({ 'a.json': threeCalls });
    expect(await replayHistories(folder, { workflowsPath })).toHaveLength(1);
  });

  test('names every history that does not replay, with the reason, after trying all', async () => {
    const folder = folderWith({ 'a.json': other, 'b.json': threeCalls, 'c.json': other });
    const error: unknown = await replayHistories(folder, options).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ReplayFailedError);
    const { message, failures, cause } = error as ReplayFailedError;
    expect(failures.map(({ file }) => file)).toEqual(['a.json', 'c.json']);
    expect(cause).toBeInstanceOf(DeterminismViolationError);
    expect(message).toMatch(
      /^2 of 3 histories do not replay with these workflows:\n {2}a\.json: .*other.*\n {2}c\.json: /,
    );
  });

  test('fails when there is nothing to replay', async () => {
    const folder = folderWith({ 'notes.txt': 'none' });
    await expect(replayHistories(folder, options)).rejects.toThrow(
      `No histories (*.json) in ${folder}`,
    );
    await expect(replayHistories([], options)).rejects.toThrow(
      'No histories (*.json) in an empty list of files',
    );
    await expect(replayHistories(join(folder, 'nowhere'), options)).rejects.toThrow('ENOENT');
  });

  test('says which file is not a history', async () => {
    const folder = folderWith({ 'package.json': '{"name": "x"}' });
    await expect(replayHistories(folder, options)).rejects.toThrow(
      `${join(folder, 'package.json')} is not a history: it has no events`,
    );
  });
});

describe('recordHistory', () => {
  test('writes a history that replays, without host names, paths and stack traces', async () => {
    const agent = withToolFaults(agentWith([reader('look', () => 'seen')]), {
      look: alwaysFail('broken'),
    });
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [callTools({ look: {} }), say('Done.')]),
    });
    const turn = await plait.agents.start(agent, 'go');
    await turn.result();
    const file = join(folderWith({}), 'new', 'folder', 'broken.json');

    await recordHistory(turn, file);

    const recorded = readFileSync(file, 'utf8');
    expect(recorded).toContain('broken');
    expect(recorded).not.toContain(hostname());
    expect(recorded).not.toContain(import.meta.dirname);
    expect(recorded).not.toMatch(/"stackTrace":"[^"]/);
    expect(await replayHistories(file, options)).toEqual([file]);
  });
});

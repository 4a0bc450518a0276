import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../../deploy/compose-file.ts';

/** Comes with Prometheus. */
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

const promtool = (...args: string[]) =>
  execFileSync('promtool', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' });

const reason = hasPromtool ? '' : ' (skipped: promtool is not installed)';

describe.skipIf(!hasPromtool)(`deploy/observability${reason}`, () => {
  const folder = join('deploy', 'observability');

  test('has a configuration and alerts that Prometheus takes', () => {
    expect(promtool('check', 'config', join(folder, 'prometheus.yml'))).toContain('SUCCESS');
  });

  test('has alerts that fire when they should, and not otherwise', () => {
    expect(promtool('test', 'rules', 'test/deploy/alerts.promtool.yml')).toContain('SUCCESS');
  });
});

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, inject, it } from 'vitest';
import type { Finding } from '../../../cli/doctor/findings.ts';
import { TURN_WORKFLOW } from '../../../core/names.ts';
import { SEARCH_ATTRIBUTES } from '../../../core/search-attributes.ts';
import { startTestEnvironment } from '../../../testing/environment.ts';
import { say } from '../../../testing/index.ts';
import { newNamespace } from '../../fixtures/namespace.ts';
import { inThisThread } from '../../fixtures/sandbox.ts';
import { agentWith } from '../../fixtures/tools.ts';
import { until } from '../../fixtures/until.ts';
import type { Ended } from '../plait-process.ts';
import { EXAMPLE, plait } from '../plait-process.ts';

interface Report {
  healthy: boolean;
  findings: Finding[];
}

function doctor(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  return plait(['doctor', ...args], {
    env: { TEMPORAL_ADDRESS: inject('temporalAddress'), ...env },
  });
}

/** The findings that call for something, as `level check`. */
function trouble({ findings }: Report): string[] {
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check }) => `${level} ${check}`);
}

describe.concurrent('plait doctor', () => {
  it('finds no problem if a worker runs, and the model and the storage answer', async ({
    expect,
  }) => {
    await using namespace = await newNamespace(inject('temporalAddress'), SEARCH_ATTRIBUTES);
    await using environment = await startTestEnvironment({
      agents: [agentWith([])],
      script: () => say('OK'),
      temporal: { address: inject('temporalAddress'), namespace: namespace.name },
      ...inThisThread,
    });
    const storage = await mkdtemp(join(inject('scratch'), 'doctor-'));
    const env = {
      TEMPORAL_NAMESPACE: namespace.name,
      ANTHROPIC_BASE_URL: environment.model.url,
      ANTHROPIC_API_KEY: 'sk-ant-planted-in-the-test',
      PLAIT_STORAGE: storage,
    };
    const args = [EXAMPLE, '-q', environment.taskQueue, '--ask-model'];
    const { code, stdout, stderr } = await doctor(args, env);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ok {7}server {13}Temporal \d+\.\d+\.\d+ answers at /);
    expect(stdout).toMatch(/\nok +task queues +1 worker on \S+ \(turns\)\.\n/);
    expect(stdout).toMatch(/\nok +clock +.* agree within 2 s\.\n/);
    expect(stdout).toMatch(
      /\nok +model +claude-opus-5-5 answers at 127\.0\.0\.1:\d+ in \d+ ms\.\n/,
    );
    expect(stdout).toContain(`The storage ${storage} can be written and read.`);
    expect(stdout).toMatch(/\nNo problem was found\.\n$/);
    expect(stdout).not.toContain('planted');
    expect(environment.model.requests).toHaveLength(1);
  });

  it('says what to do if nothing is set up and a turn waits', async ({ expect }) => {
    await using namespace = await newNamespace(inject('temporalAddress'), { PlaitUser: 'Int' });
    const start = {
      workflowId: 'waits',
      taskQueue: 'elsewhere',
      args: [{ agent: 'a', input: 'b' }],
    };
    await namespace.client.workflow.start(TURN_WORKFLOW, start);
    const ended = await until(
      () => doctor(['--json'], { TEMPORAL_NAMESPACE: namespace.name }),
      ({ stdout }) => stdout.includes('elsewhere'),
    );

    expect(ended.code).toBe(10);
    const report = JSON.parse(ended.stdout) as Report;
    expect(report.healthy).toBe(false);
    expect(trouble(report)).toEqual([
      'warning searchAttributes',
      'warning searchAttributes',
      'problem taskQueues',
      'warning model',
      'warning storage',
    ]);
    expect(report.findings).toContainEqual(
      expect.objectContaining({
        text: 'No worker polls task queue elsewhere (turns) for workflows and activities. 1 open turn or session cannot go on.',
      }),
    );
  });

  it('goes on if the server does not answer, and repeats no secret', async ({ expect }) => {
    const file = join(await mkdtemp(join(inject('scratch'), 'doctor-')), 'missing');
    const ended = await doctor(['--json', '--ask-model', 'claude-opus-5-5'], {
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      ANTHROPIC_BASE_URL: 'https://someone:pl4nted@127.0.0.1:1',
      PLAIT_STORAGE: file,
      PLAIT_STREAM_TRANSPORT: 'redis://user:pl4nted@127.0.0.1:1',
    });

    expect(ended.code).toBe(10);
    expect(ended.stdout).not.toContain('pl4nted');
    expect(trouble(JSON.parse(ended.stdout) as Report)).toEqual([
      'problem server',
      'problem model',
      'warning model',
      'problem model',
      'problem storage',
      'warning streamTransport',
    ]);
    const missing = await doctor([], { TEMPORAL_NAMESPACE: 'nowhere' });
    expect(missing.stdout).toMatch(/^problem {2}namespace .* has no namespace nowhere\. Set/);
    expect(missing.code).toBe(10);
  });

  it('asks only models that were named', async ({ expect }) => {
    const { code, stderr } = await doctor(['--ask-model'], {});
    expect(stderr).toMatch(/^plait: Name the model, as in --ask-model claude-opus-5-5, or give /);
    expect(code).toBe(2);
  });
});

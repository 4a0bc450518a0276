import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readDockerfile, ROOT } from '../../deploy/compose-file.ts';

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  data: Record<string, string>;
  spec: {
    selector: { matchLabels: Record<string, string> };
    scaleTargetRef: { name: string };
    triggers: { metadata: Record<string, string> }[];
    template: { metadata: { labels: Record<string, string> }; spec: Pod };
  };
}

interface Pod {
  terminationGracePeriodSeconds: number;
  securityContext: { runAsNonRoot: boolean; runAsUser: number };
  containers: [
    {
      args: string[];
      envFrom: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
      resources: { limits: { memory: string } };
      readinessProbe: { exec: { command: string[] }; timeoutSeconds: number };
      securityContext: { readOnlyRootFilesystem: boolean };
    },
  ];
}

const folder = join(ROOT, 'deploy/kubernetes');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const manifests = readdirSync(folder).flatMap((file) =>
  parseAllDocuments(read(`deploy/kubernetes/${file}`)).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  }),
);
const kind = (wanted: string) => {
  const found = manifests.find((manifest) => manifest.kind === wanted);
  if (found === undefined) throw new Error(`There is no ${wanted}`);
  return found;
};
const instruction = (name: string) =>
  readDockerfile().findLast((one) => one.name === name)?.value ?? '';

describe('deploy/kubernetes', () => {
  const worker = kind('Deployment');
  const pod = worker.spec.template.spec;
  const [container] = pod.containers;
  const { data } = kind('ConfigMap');

  test('keeps everything in one namespace', () => {
    const namespace = kind('Namespace').metadata.name;
    for (const { kind: of, metadata } of manifests) {
      if (of !== 'Namespace') expect(metadata.namespace, of).toBe(namespace);
    }
  });

  test('selects and scales the pods of the worker', () => {
    const { labels } = worker.spec.template.metadata;
    expect(worker.spec.selector.matchLabels).toEqual(labels);
    expect(kind('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
    expect(kind('ScaledObject').spec.scaleTargetRef.name).toBe(worker.metadata.name);
  });

  test('scales by the backlog of the task queue that the worker serves', () => {
    const [trigger] = kind('ScaledObject').spec.triggers;
    expect(trigger?.metadata).toMatchObject({
      endpoint: data['TEMPORAL_ADDRESS'],
      namespace: data['TEMPORAL_NAMESPACE'],
      taskQueue: data['PLAIT_TASK_QUEUE'],
    });
    expect(container.args.slice(-2)).toEqual(['--task-queue', '$(PLAIT_TASK_QUEUE)']);
  });

  test('gives a worker more time to end than it takes', () => {
    const [, seconds] = /shutdownForceTime: '(\d+)s'/.exec(read('worker/create-worker.ts')) ?? [];
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds));
  });

  test('starts and checks what the image holds', () => {
    expect(instruction('ENTRYPOINT')).toBe('["node", "dist/cli/main.js"]');
    expect(container.args[0]).toBe('worker');
    const check = JSON.stringify(container.readinessProbe.exec.command).replaceAll(',', ', ');
    expect(instruction('HEALTHCHECK')).toContain(`CMD ${check}`);
    expect(instruction('HEALTHCHECK')).toContain(
      `--timeout=${container.readinessProbe.timeoutSeconds}s`,
    );
  });

  test('runs as the plain user of the image, without a file system to write to', () => {
    expect(instruction('USER')).toBe('node');
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext.readOnlyRootFilesystem).toBe(true);
  });

  test('sets variables that Compose sets too, and names what must be secret', () => {
    const compose = read('docker-compose.yml');
    for (const name of Object.keys(data)) expect(compose).toContain(`${name}:`);
    const [settings, secret] = container.envFrom;
    expect(settings?.configMapRef?.name).toBe(kind('ConfigMap').metadata.name);
    const page = read('docs/kubernetes.md');
    expect(page).toContain(`create secret generic ${secret?.secretRef?.name} `);
    for (const name of ['ANTHROPIC_API_KEY', 'PGPASSWORD']) {
      expect(page).toContain(`--from-literal=${name}=`);
      expect(Object.keys(data)).not.toContain(name);
    }
  });

  test('leaves a fifth of the memory to what is not heap', () => {
    const heap = Number(/--max-old-space-size=(\d+)/.exec(data['NODE_OPTIONS'] ?? '')?.[1]);
    const limit = Number.parseInt(container.resources.limits.memory, 10) * 1024;
    expect(heap).toBeLessThanOrEqual(0.8 * limit);
  });
});

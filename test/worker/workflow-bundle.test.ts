import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { DeclarationError } from '../../index.ts';
import { requireWorkflows, workflowsBeside } from '../../worker/bundler-options.ts';
import type { BundleOptions } from '../../worker/prebuilt-bundle.ts';
import { builtWith, mayUsePrebuilt, prebuiltBundle } from '../../worker/prebuilt-bundle.ts';

test('a worker that is bundled into one file says what workflowBundle is for', () => {
  for (const url of ['file:///app/dist/worker.mjs', undefined]) {
    const require = () => requireWorkflows(workflowsBeside(url));
    expect(require).toThrow(DeclarationError);
    expect(require).toThrow(/bundled into one file.*bundleWorkflowCode.*`workflowBundle: /);
  }
  expect(() => requireWorkflows()).not.toThrow();
});

const installed = builtWith(() => '1.24.0');
const otherOf = (changed: string) => builtWith((name) => (name === changed ? '1.25.0' : '1.24.0'));
const codeAfter = (firstLine: string) => `${firstLine}\nvar __TEMPORAL__;`;
const plugin = { name: 'plugin' };
const path = '/app/converter.js';

test.each<[is: boolean, when: string, options: BundleOptions, code?: string | null]>([
  [true, 'nothing is given', {}],
  [true, 'codecs are given, which workflows do not see', { dataConverter: { payloadCodecs: [] } }],
  [true, 'activities have interceptors', { interceptors: { activity: [] } }],
  [true, 'lists are empty', { plugins: [], interceptors: { workflowModules: [] } }],
  [true, 'the connection has no plugins', { connection: { plugins: [] } }],
  [false, 'a bundle is given', { workflowBundle: { codePath: '/app/bundle.js' } }],
  [false, 'workflows are given', { workflowsPath: '/app/workflows.js' }],
  [false, 'webpack has options', { bundlerOptions: {} }],
  [false, 'workflows have interceptors', { interceptors: { workflowModules: [path] } }],
  [false, 'the worker has a plugin', { plugins: [plugin] }],
  [false, 'the connection has a plugin', { connection: { plugins: [plugin] } }],
  [false, 'failures have a converter', { dataConverter: { failureConverterPath: path } }],
  [false, 'payloads have a converter', { dataConverter: { payloadConverterPath: path } }],
  [false, 'there is no file', {}, null],
  [false, 'the file says nothing of versions', {}, 'var __TEMPORAL__;'],
  [false, 'the versions are not on its first line', {}, codeAfter(`\n${installed}`)],
  [false, 'another common is installed', {}, codeAfter(otherOf('@temporalio/common'))],
  [false, 'another worker is installed', {}, codeAfter(otherOf('@temporalio/worker'))],
  [false, 'another workflow is installed', {}, codeAfter(otherOf('@temporalio/workflow'))],
  [false, 'a version only begins like the installed one', {}, codeAfter(`${installed}-rc.1`)],
])(
  'the bundle of the package is used: %s when %s',
  (is, _when, options, code = codeAfter(installed)) => {
    expect(mayUsePrebuilt(options, code ?? undefined, installed)).toBe(is);
  },
);

test('a build has a bundle for the installed packages, and the source has none', async () => {
  const compiled = join(inject('compiled'), 'worker/prebuilt-bundle.js');
  const built = (await import(compiled)) as { prebuiltBundle: typeof prebuiltBundle };
  expect(built.prebuiltBundle({})).toEqual({ codePath: inject('workflowBundle') });
  expect(built.prebuiltBundle({ bundlerOptions: {} })).toBeUndefined();
  expect(prebuiltBundle({})).toBeUndefined();
});

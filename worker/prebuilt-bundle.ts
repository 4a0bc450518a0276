import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { moduleBeside } from '../storage/module-beside.ts';

/** Packages whose code is in the bundle, or which made it. */
const PACKAGES = ['@temporalio/common', '@temporalio/worker', '@temporalio/workflow'];

/** Where `npm run build` writes the bundle. The repository has none: its workflows may change at any time. */
const FILE = moduleBeside(import.meta.url, './workflow-bundle');

/** The options that decide which workflow code a worker runs. */
export type BundleOptions = Partial<
  Pick<
    WorkerOptions,
    | 'workflowBundle'
    | 'workflowsPath'
    | 'bundlerOptions'
    | 'interceptors'
    | 'plugins'
    | 'dataConverter'
  >
> & { connection?: Pick<NativeConnection, 'plugins'> };

/** The first line of a bundle: the versions that it was built with. */
export function builtWith(versionOf: (name: string) => string): string {
  return `// Plait's workflows, with ${PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', ')}`;
}

/** The first line that a bundle for the installed packages must have. */
export function builtWithInstalled(): string {
  const require = createRequire(import.meta.url);
  return builtWith((name) => (require(`${name}/package.json`) as { version: string }).version);
}

/**
 * Whether a worker with these options would make the same bundle. `code` is the bundle of the package, if
 * there is one; `firstLine` is the line that it must have.
 */
export function mayUsePrebuilt(
  options: BundleOptions,
  code: string | undefined,
  firstLine: string,
): boolean {
  const { dataConverter, plugins = [], connection, interceptors } = options;
  const own = [
    options.workflowBundle,
    options.workflowsPath,
    options.bundlerOptions,
    dataConverter?.failureConverterPath,
    dataConverter?.payloadConverterPath,
  ];
  // What a plugin changes is visible only when it runs.
  const extensions = [plugins, connection?.plugins ?? [], interceptors?.workflowModules ?? []];
  return (
    code?.startsWith(`${firstLine}\n`) === true &&
    own.every((option) => option === undefined) &&
    extensions.every((list) => list.length === 0)
  );
}

/** The bundle of the package, if a worker with these options would make the same one. */
export function prebuiltBundle(options: BundleOptions): { codePath: string } | undefined {
  if (FILE === undefined || !existsSync(FILE)) return undefined;
  const code = readFileSync(FILE, 'utf8');
  return mayUsePrebuilt(options, code, builtWithInstalled()) ? { codePath: FILE } : undefined;
}

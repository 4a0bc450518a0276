import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';

/** The workflows beside this folder: `.ts` in the repository, `.js` in the package. */
export const WORKFLOWS = fileURLToPath(
  new URL(`../workflows/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

type BundlerOptions = NonNullable<WorkerOptions['bundlerOptions']>;

/**
 * Makes a worker load the modules of Plait's workflows once instead of for every turn, so that their
 * functions stay compiled. The modules keep nothing in variables, so turns do not see each other.
 */
export function preloaded(options: BundlerOptions = {}): BundlerOptions {
  return { ...options, preloadModules: [...(options.preloadModules ?? []), WORKFLOWS] };
}

import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';

/** The workflows beside this folder: `.ts` in the repository, `.js` in the package. */
export const WORKFLOWS = fileURLToPath(
  new URL(`../workflows/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

type BundlerOptions = NonNullable<WorkerOptions['bundlerOptions']>;

/**
 * Has a worker load the modules of Plait's workflows once, and not again for every turn, so that their
 * functions stay compiled. They keep nothing in variables of their own, so no turn sees another.
 */
export function preloaded(options: BundlerOptions = {}): BundlerOptions {
  return { ...options, preloadModules: [...(options.preloadModules ?? []), WORKFLOWS] };
}

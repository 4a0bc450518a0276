import { fileURLToPath } from 'node:url';
import type { WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** Plait's workflows: `.ts` in the repository, `.js` in the package. */
const PLAIT_WORKFLOWS = fileURLToPath(
  new URL(`../workflows/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

const bundles = new Map<string, Promise<WorkflowBundle>>();

/** Bundles a module of workflows, once per process: it takes seconds, and every worker needs it. */
export function bundleOnce(workflowsPath: string = PLAIT_WORKFLOWS): Promise<WorkflowBundle> {
  const known = bundles.get(workflowsPath);
  if (known !== undefined) return known;
  const bundle = bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  bundles.set(workflowsPath, bundle);
  return bundle;
}

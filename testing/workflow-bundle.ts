import type { WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { preloaded, WORKFLOWS } from '../worker/bundler-options.ts';

const bundles = new Map<string, Promise<WorkflowBundle>>();

/** Bundles a module of workflows once per process, because that takes seconds. */
export function bundleOnce(workflowsPath: string = WORKFLOWS): Promise<WorkflowBundle> {
  const known = bundles.get(workflowsPath);
  if (known !== undefined) return known;
  const bundle = bundleWorkflowCode({
    ...preloaded(),
    workflowsPath,
    logger: new DefaultLogger('WARN'),
  });
  bundles.set(workflowsPath, bundle);
  return bundle;
}

import type { DataConverter } from '@temporalio/common';
import type { WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { defined } from '../core/json.ts';
import { preloaded, WORKFLOWS } from '../worker/bundler-options.ts';

const bundles = new Map<string, Promise<WorkflowBundle>>();

/** Bundles a module of workflows once per process for each converter, because that takes seconds. */
export function bundleOnce(
  workflowsPath: string = WORKFLOWS,
  { failureConverterPath, payloadConverterPath }: DataConverter = {},
): Promise<WorkflowBundle> {
  const converters = defined({ failureConverterPath, payloadConverterPath });
  const key = JSON.stringify([workflowsPath, converters]);
  const known = bundles.get(key);
  if (known !== undefined) return known;
  const bundle = bundleWorkflowCode({
    ...preloaded(),
    ...converters,
    workflowsPath,
    logger: new DefaultLogger('WARN'),
  });
  bundles.set(key, bundle);
  return bundle;
}

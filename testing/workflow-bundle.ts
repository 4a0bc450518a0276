import type { DataConverter } from '@temporalio/common';
import type { WorkflowBundleOption } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { defined } from '../core/json.ts';
import { preloaded, WORKFLOWS } from '../worker/bundler-options.ts';
import { prebuiltBundle } from '../worker/prebuilt-bundle.ts';

const bundles = new Map<string, Promise<WorkflowBundleOption>>();

/**
 * Bundles a module of workflows once per process for each converter, because that takes seconds. The
 * package has the bundle of Plait's own.
 */
export function bundleOnce(
  workflowsPath?: string,
  { failureConverterPath, payloadConverterPath }: DataConverter = {},
): Promise<WorkflowBundleOption> {
  const converters = defined({ failureConverterPath, payloadConverterPath });
  const key = JSON.stringify([workflowsPath, converters]);
  const known = bundles.get(key);
  if (known !== undefined) return known;
  const bundle = bundled(workflowsPath, converters);
  bundles.set(key, bundle);
  return bundle;
}

async function bundled(
  workflowsPath: string | undefined,
  converters: DataConverter,
): Promise<WorkflowBundleOption> {
  const prebuilt = prebuiltBundle({
    ...defined({ workflowsPath }),
    dataConverter: converters,
  });
  if (prebuilt !== undefined) return prebuilt;
  return await bundleWorkflowCode({
    ...preloaded(),
    ...converters,
    workflowsPath: workflowsPath ?? WORKFLOWS,
    workflowInterceptorModules: [WORKFLOWS],
    logger: new DefaultLogger('WARN'),
  });
}

// Bundles the workflows of a folder with the compiled code: `tsx scripts/bundle-workflows.ts dist`.
// `createWorker` runs that bundle (worker/prebuilt-bundle.ts), and so has no need to make one.
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { preloaded } from '../worker/bundler-options.ts';
import { builtWithInstalled } from '../worker/prebuilt-bundle.ts';

/** Returns the path of the bundle. */
export async function bundleWorkflows(directory: string): Promise<string> {
  const workflowsPath = resolve(directory, 'workflows/index.js');
  const { code } = await bundleWorkflowCode({
    ...preloaded({}, workflowsPath),
    workflowsPath,
    workflowInterceptorModules: [workflowsPath],
    logger: new DefaultLogger('WARN'),
  });
  const path = join(directory, 'worker/workflow-bundle.js');
  await writeFile(path, `${builtWithInstalled()}\n${withoutSourceMap(code)}`);
  return path;
}

/** Removes two thirds of the file, which the SDK reads for each worker, without ever freeing that memory. */
function withoutSourceMap(code: string): string {
  const empty = { version: 3, file: 'workflow-bundle.js', sources: [], names: [], mappings: '' };
  const base64 = Buffer.from(JSON.stringify(empty)).toString('base64');
  return code.replace(
    /(?<=\/\/# sourceMappingURL=data:application\/json;[^\n]*base64,)[^\n]+$/,
    base64,
  );
}

const [, program = '', directory] = process.argv;
if (import.meta.url === pathToFileURL(program).href) await bundleWorkflows(directory ?? 'dist');

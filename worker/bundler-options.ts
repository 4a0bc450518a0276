import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { WorkerOptions } from '@temporalio/worker';
import { DeclarationError } from '../agents/declaration-error.ts';
import { FAILURE_CONVERTER } from '../storage/encryption.ts';
import { failureConverter } from '../storage/failure-converter.ts';
import { moduleBeside } from '../storage/module-beside.ts';

const NOWHERE = 'the folder of plait/workflows';

/** The workflows next to this folder. */
export const WORKFLOWS = workflowsBeside(import.meta.url);

export function workflowsBeside(url: string | undefined): string {
  return moduleBeside(url, '../workflows/index') ?? NOWHERE;
}

/**
 * Throws a `DeclarationError` if Plait's workflows are not where they should be. Temporal would report that
 * as an error of webpack, about a path that the program does not know.
 */
export function requireWorkflows(path: string = WORKFLOWS): void {
  if (existsSync(path)) return;
  throw new DeclarationError(
    `createWorker: Plait's workflows are not at ${path}. This happens if the program is bundled into one file. Leave plait and @temporalio/* out of the bundle. Or bundle the workflows when you build the program: write \`(await bundleWorkflowCode({ workflowsPath: fileURLToPath(import.meta.resolve('plait/workflows')) })).code\` to a file, with bundleWorkflowCode from @temporalio/worker, and give createWorker \`workflowBundle: { codePath: '<that file>' }\`.`,
  );
}

/**
 * Throws a `DeclarationError` for a bundle without the failure converter of `encryptedBy`: errors of
 * workflows would be in clear text in history, and nobody would notice.
 */
export async function requireFailureConverter({
  workflowBundle,
  dataConverter,
}: Pick<WorkerOptions, 'workflowBundle' | 'dataConverter'>): Promise<void> {
  const path = dataConverter?.failureConverterPath;
  if (workflowBundle === undefined || path === undefined || path !== FAILURE_CONVERTER) return;
  const code =
    'code' in workflowBundle
      ? workflowBundle.code
      : await readFile(workflowBundle.codePath, 'utf8');
  if (code.includes(failureConverter.mark)) return;
  throw new DeclarationError(
    'createWorker: workflowBundle has no failure converter, so the failures of workflows would be in clear text. Build it with `bundleWorkflowCode({ workflowsPath, failureConverterPath: encryptedBy(codec).failureConverterPath })`.',
  );
}

type BundlerOptions = NonNullable<WorkerOptions['bundlerOptions']>;

/**
 * Makes a worker load the modules of Plait's workflows once, not for every turn, so that their functions stay
 * compiled. The modules keep nothing in variables, so turns do not affect each other.
 *
 * webpack's report is reduced to one line, plus its warnings and errors.
 */
export function preloaded(
  { preloadModules = [], webpackConfigHook = (config) => config, ...others }: BundlerOptions = {},
  workflows: string = WORKFLOWS,
): BundlerOptions {
  return {
    ...others,
    preloadModules: [...preloadModules, workflows],
    webpackConfigHook: (config) => {
      const hooked = webpackConfigHook(config);
      return { ...hooked, plugins: [...(hooked.plugins ?? []), shortReport] };
    },
  };
}

type WebpackConfig = Parameters<NonNullable<BundlerOptions['webpackConfigHook']>>[0];
type WebpackPlugin = Extract<
  NonNullable<WebpackConfig['plugins']>[number],
  { apply: (...args: never[]) => void }
>;

/**
 * Shortens webpack's report. The worker logs its `toString()`, some twenty lines about every module, and has
 * no option to change that.
 */
const shortReport: WebpackPlugin = {
  apply(compiler) {
    compiler.hooks.done.tap('plait', (stats) => {
      const whole = stats.toString.bind(stats);
      stats.toString = () =>
        whole({ preset: 'errors-warnings', version: true, timings: true, errorDetails: true });
    });
  },
};

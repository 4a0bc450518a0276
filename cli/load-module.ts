import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AgentDefinition } from '../agents/define-agent.ts';
import { isAgent } from '../agents/define-agent.ts';
import { causeChain } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import type { Traces } from '../core/trace/traces.ts';
import { isTraces } from '../core/trace/traces.ts';
import type { Eval } from '../testing/evals/define-eval.ts';
import { isEval } from '../testing/evals/define-eval.ts';
import { CliError, EXIT_CODES } from './exit-codes.ts';
import { oneLine } from './text.ts';

/**
 * All agents that a module exports: by name, as its default, or in arrays. `specifier` is a path
 * relative to `directory`, or a package that is installed there.
 */
export async function loadAgents(
  specifier: string,
  directory: string = process.cwd(),
): Promise<AgentDefinition[]> {
  return await loadAll(specifier, directory, {
    wanted: AGENTS_WANTED,
    is: isAgent,
    missing: { kind: 'an agent', made: 'defineAgent()' },
  });
}

/** All evals that a module exports, in the same ways. */
export async function loadEvals(
  specifier: string,
  directory: string = process.cwd(),
): Promise<Eval[]> {
  return await loadAll(specifier, directory, {
    wanted: 'Give the module that exports your evals, for example ./agent.eval.ts.',
    is: isEval,
    missing: { kind: 'an eval', made: 'defineEval()' },
  });
}

interface Wanted<T> {
  wanted: string;
  is: (value: unknown) => value is T;
  missing: { kind: string; made: string };
}

async function loadAll<T>(
  specifier: string,
  directory: string,
  { wanted, is, missing }: Wanted<T>,
): Promise<T[]> {
  const exported = await loadModule(specifier, { wanted, directory });
  const found = [...new Set(exportedValues(exported, is).flat())].filter(is);
  if (found.length > 0) return found;
  const names = Object.keys(exported).join(', ') || 'nothing';
  throw wrong(
    `${specifier} does not export ${missing.kind}; it exports ${names}. Export what ${missing.made} returns.`,
  );
}

/** What a module exports for the traces of its turns: what `openTelemetry` of `plait/telemetry` returns. */
export async function loadTraces(
  specifier: string,
  directory: string = process.cwd(),
): Promise<Traces | undefined> {
  const exported = await loadModule(specifier, { wanted: AGENTS_WANTED, directory });
  return exportedValues(exported, isTraces).find(isTraces);
}

const AGENTS_WANTED = 'Give the module that exports your agents, for example ./agent.ts.';

/** What a module exports. `wanted` ends the error for a module that does not exist. */
export async function loadModule(
  specifier: string,
  { wanted, directory = process.cwd() }: { wanted: string; directory?: string },
): Promise<Exports> {
  const url = await locate(specifier, directory, wanted);
  return await importModule(url, specifier);
}

/** Includes the exports of a CommonJS module, which may all be in its default export. */
function exportedValues(exported: Exports, is: (value: unknown) => boolean): unknown[] {
  const { default: standard } = exported;
  const inner = isRecord(standard) && !is(standard) ? Object.values(standard) : [];
  return [...Object.values(exported), ...inner];
}

async function locate(specifier: string, directory: string, wanted: string): Promise<string> {
  const path = resolve(directory, specifier);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) return pathToFileURL(path).href;
  const isPath = isAbsolute(specifier) || /^\.{0,2}[\\/]|\.[cm]?[jt]s$/.test(specifier);
  if (found === undefined && !isPath) return resolvePackage(specifier, directory, wanted);
  const problem = found === undefined ? 'does not exist' : 'is not a file';
  throw wrong(`${path} ${problem}. ${wanted}`);
}

function resolvePackage(specifier: string, directory: string, wanted: string): string {
  try {
    const resolved = createRequire(join(directory, 'plait.js')).resolve(specifier);
    return isAbsolute(resolved) ? pathToFileURL(resolved).href : resolved;
  } catch (error) {
    // The package is installed, but only `import` can load it.
    if (codeOf(error) === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return specifier;
    throw wrong(
      `No file and no installed package is named ${JSON.stringify(specifier)}. ${wanted}`,
    );
  }
}

type Exports = Record<string, unknown>;

async function importModule(url: string, specifier: string): Promise<Exports> {
  try {
    return await importTypeScript(url, specifier);
  } catch (error) {
    if (error instanceof CliError) throw error;
    const text = oneLine(causeChain(error));
    const name = error instanceof Error ? `${error.name}: ` : '';
    throw wrong(`${specifier} cannot be loaded: ${name}${text}${placeOf(error)}`, error);
  }
}

/** Node's errors for TypeScript: before 22.18 for all of it, later for some syntax. */
const NEEDS_TSX = new Set<unknown>([
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
]);

async function importTypeScript(url: string, specifier: string): Promise<Exports> {
  try {
    return (await import(url)) as Exports;
  } catch (error) {
    if (!NEEDS_TSX.has(codeOf(error))) throw error;
    await registerTsx(url, specifier);
    // Node caches the failure by URL, so the second import needs a different one.
    return (await import(`${url}?tsx`)) as Exports;
  }
}

/** Makes this process run TypeScript, with the tsx of the module's project or with ours. */
async function registerTsx(url: string, specifier: string): Promise<void> {
  for (const from of [url, import.meta.url]) {
    try {
      await import(pathToFileURL(createRequire(from).resolve('tsx')).href);
      return;
    } catch (error) {
      if (codeOf(error) !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw wrong(
    `Node ${process.versions.node} cannot run the TypeScript of ${specifier}. Install tsx in its project (npm install --save-dev tsx), or compile it and give the .js file.`,
  );
}

/** defineAgent() and defineTool() throw in here. The line to show is their caller's. */
const OUR_DECLARATIONS = new URL('../agents/', import.meta.url).href;

/** The line of the user's code that threw, if the stack has one. */
function placeOf(error: unknown): string {
  const [head = '', ...frames] =
    (error instanceof Error ? error.stack : undefined)?.split('\n') ?? [];
  // The place of a syntax error comes before the stack.
  const places = [/^(file:\S+|\/\S+):\d+$/.exec(head)?.[0], ...frames.map(placeInFrame)];
  const place = places.find((one) => one !== undefined && !isElsewhere(one));
  return place === undefined ? '' : ` (at ${place.replace(/^file:\/\//, '').replace('?tsx', '')})`;
}

function isElsewhere(place: string): boolean {
  return place.startsWith(OUR_DECLARATIONS) || place.includes('/node_modules/');
}

function placeInFrame(frame: string): string | undefined {
  const place = /^\s+at (?:.*\()?((?:file:|\/)[^()]+:\d+:\d+)\)?$/.exec(frame)?.[1];
  return place?.startsWith('/') === true ? pathToFileURL(place).href : place;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function wrong(message: string, cause?: unknown): CliError {
  return new CliError(EXIT_CODES.wrongInput, message, { cause });
}

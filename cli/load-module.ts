import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AgentDefinition } from '../agents/define-agent.ts';
import { causeChain } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { oneLine } from './text.ts';

/**
 * All agents that a module exports: by name, as its default, or in arrays. `specifier` is a path
 * from `directory`, or a package that is installed there.
 */
export async function loadAgents(
  specifier: string,
  directory: string = process.cwd(),
): Promise<AgentDefinition[]> {
  const url = await locate(specifier, directory);
  const exported = await importModule(url, specifier);
  const agents = [...new Set(Object.values(exported).flat())].filter(isAgent);
  if (agents.length > 0) return agents;
  const names = Object.keys(exported).join(', ') || 'nothing';
  throw wrong(
    `${specifier} exports no agent (it exports: ${names}). Export what defineAgent() returns.`,
  );
}

async function locate(specifier: string, directory: string): Promise<string> {
  const path = resolve(directory, specifier);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) return pathToFileURL(path).href;
  const isPath = isAbsolute(specifier) || /^\.{0,2}[\\/]|\.[cm]?[jt]s$/.test(specifier);
  if (found === undefined && !isPath) return resolvePackage(specifier, directory);
  const problem = found === undefined ? 'There is no file' : 'This is no file:';
  throw wrong(`${problem} ${path}. Give the module that exports your agents.`);
}

function resolvePackage(specifier: string, directory: string): string {
  try {
    const resolved = createRequire(join(directory, 'plait.js')).resolve(specifier);
    return isAbsolute(resolved) ? pathToFileURL(resolved).href : resolved;
  } catch (error) {
    // A package without a door for `require` is still there.
    if (codeOf(error) === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return specifier;
    throw wrong(
      `There is neither a file nor an installed package ${JSON.stringify(specifier)}. Give the module that exports your agents, for example ./agent.ts.`,
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

/** What Node says of TypeScript: before 22.18 of all of it, later of some syntax. */
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
    // Node remembers by its URL that the module could not be loaded.
    return (await import(`${url}?tsx`)) as Exports;
  }
}

/** Teaches this process TypeScript, with the tsx of the module's project or with ours. */
async function registerTsx(url: string, specifier: string): Promise<void> {
  for (const from of [url, import.meta.url]) {
    try {
      const path = createRequire(from).resolve('tsx/esm/api');
      const tsx = (await import(pathToFileURL(path).href)) as { register: () => unknown };
      tsx.register();
      return;
    } catch (error) {
      if (codeOf(error) !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw wrong(
    `Node ${process.versions.node} cannot run ${specifier} by itself. Install tsx beside it (npm install --save-dev tsx), or compile it and give the .js file.`,
  );
}

/** Recognised by its shape: the module may have another copy of Plait than this command. */
function isAgent(value: unknown): value is AgentDefinition {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    typeof value['parseContext'] === 'function' &&
    value['tools'] instanceof Map
  );
}

function placeOf(error: unknown): string {
  const frame =
    error instanceof Error ? /\n\s+at .*?(file:[^\s)]+|\/[^\s)]+)/.exec(error.stack ?? '') : null;
  return frame?.[1] === undefined
    ? ''
    : ` (at ${frame[1].replace(/^file:\/\//, '').replace('?tsx', '')})`;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function wrong(message: string, cause?: unknown): CliError {
  return new CliError(EXIT_CODES.wrongInput, message, { cause });
}

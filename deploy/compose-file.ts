import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The parts of a service that are read, after Compose has filled in the variables. */
export interface ComposeService {
  image?: string;
  build?: unknown;
  restart?: string;
  command?: string[];
  environment?: Record<string, string | null>;
  ports?: unknown[];
  healthcheck?: { test: string[] };
  profiles?: string[];
  mem_limit?: number | string;
}

export interface ComposeFile {
  services: Record<string, ComposeService>;
}

/** Compose is a plugin of Docker, or Debian's separate program. */
const COMPOSES = [
  { command: ['docker', 'compose'], isJson: true },
  { command: ['docker-compose'], isJson: false },
];

export function findCompose(): (typeof COMPOSES)[number] | undefined {
  return COMPOSES.find(({ command: [program = '', ...args] }) => {
    return spawnSync(program, [...args, 'version']).status === 0;
  });
}

/**
 * docker-compose.yml as Compose reads it, with the variables in `env` and in .env.example. Throws with
 * Compose's own error when the file is invalid.
 */
export function readComposeFile(env: Record<string, string>): ComposeFile {
  const compose = findCompose();
  if (compose === undefined) {
    throw new Error(
      'Neither `docker compose` nor `docker-compose` runs. Run: apt install docker-compose',
    );
  }
  const [program = '', ...args] = compose.command;
  const config = ['--env-file', '.env.example', '-f', 'docker-compose.yml', 'config'];
  const text = run(
    program,
    [...args, ...config, ...(compose.isJson ? ['--format=json'] : [])],
    env,
  );
  return JSON.parse(compose.isJson ? text : yamlToJson(text)) as ComposeFile;
}

function run(program: string, args: string[], env: Record<string, string>): string {
  const { PATH = '', HOME = '' } = process.env;
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return execFileSync(program, args, {
    cwd: ROOT,
    env: { PATH, HOME, ...env },
    stdio: [...stdio],
    encoding: 'utf8',
  });
}

/** With the YAML parser that Debian's docker-compose, a Python program, installs for the system. */
function yamlToJson(yaml: string): string {
  const program = 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)';
  return execFileSync('/usr/bin/python3', ['-c', program], { input: yaml, encoding: 'utf8' });
}

/** An instruction of the Dockerfile, on one line. */
export interface Instruction {
  name: string;
  value: string;
}

export function readDockerfile(): Instruction[] {
  const text = readFileSync(`${ROOT}/Dockerfile`, 'utf8');
  const lines = text.replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n\s*/g, '');
  return [...lines.matchAll(/^([A-Z]+) (.+)$/gm)].map(([, name = '', value = '']) => ({
    name,
    value,
  }));
}

/** The last instruction of this name: the one that counts for the finished image. */
export function lastInstruction(name: string): string | undefined {
  return readDockerfile().findLast((instruction) => instruction.name === name)?.value;
}

/** The command of an instruction in its exec form, `["node", "main.js"]`. Throws for the shell form. */
export function execForm(value: string | undefined): string[] {
  const json = /\[.*\]$/.exec(value ?? '')?.[0];
  if (json === undefined) throw new Error(`must be a command in exec form; got ${value}`);
  return JSON.parse(json) as string[];
}

// Runs scripts of package.json side by side and prints the output of those that failed:
// `tsx scripts/at-once.ts lint typecheck`, inside `npm run`, which has put the commands on PATH.
// `--show test` prints what that one says while it runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const { scripts } = JSON.parse(manifest) as { scripts: Record<string, string> };

/**
 * For the linter and the compiler, which are written in Go and soon end: they spent a third of their time on
 * garbage. Their memory still has a limit.
 */
const LITTLE_GARBAGE_COLLECTION = { GOGC: 'off', GOMEMLIMIT: '3GiB' };

async function passes(name: string, isShown: boolean): Promise<boolean> {
  const began = performance.now();
  const child = spawn(`${scripts[name]} 2>&1`, {
    shell: true,
    stdio: ['ignore', isShown ? 'inherit' : 'pipe', 'inherit'],
    env: isShown ? process.env : { ...LITTLE_GARBAGE_COLLECTION, ...process.env },
  });
  const [output, [code]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  console.log(`${code === 0 ? 'passed' : 'FAILED'}  ${name}, ${seconds} s`);
  if (code !== 0) console.log(output);
  return code === 0;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { show: { type: 'string', multiple: true, default: [] } },
});
const results = await Promise.all([
  ...positionals.map((name) => passes(name, false)),
  ...values.show.map((name) => passes(name, true)),
]);
process.exitCode = results.every(Boolean) ? 0 : 1;

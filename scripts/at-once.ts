// Runs scripts of package.json side by side and prints the output of those that failed:
// `tsx scripts/at-once.ts lint typecheck`, inside `npm run`, which has put the commands on PATH.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const { scripts } = JSON.parse(manifest) as { scripts: Record<string, string> };

async function passes(name: string): Promise<boolean> {
  const began = performance.now();
  const child = spawn(`${scripts[name]} 2>&1`, {
    shell: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  console.log(`${code === 0 ? 'passed' : 'FAILED'}  ${name}, ${seconds} s`);
  if (code !== 0) console.log(output);
  return code === 0;
}

const results = await Promise.all(process.argv.slice(2).map(passes));
process.exitCode = results.every(Boolean) ? 0 : 1;

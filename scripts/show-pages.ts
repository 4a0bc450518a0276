// Writes the pages of `plait show --html` for turns that went well, went wrong, or are stuck, and pictures of
// them where Chromium is installed: npm run show-pages -- [folder]. Pictures for docs/: with --docs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { factsOf } from '../cli/show/facts.ts';
import { pageOf } from '../cli/show/page.ts';
import { showLines } from '../cli/show/text.ts';
import { PLAIN } from '../cli/style.ts';
import { version } from '../cli/version.ts';
import { startTestEnvironment } from '../testing/environment.ts';
import { beginShownTurns, shownAgent, shownScript } from '../test/fixtures/shown-turns.ts';

const UNIT_MS = 60;
const [folder = 'pages'] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const forDocs = process.argv.includes('--docs');

const environment = await startTestEnvironment({
  agents: [shownAgent(UNIT_MS)],
  script: shownScript(UNIT_MS),
  taskQueue: 'support',
  taskQueues: ['support'],
});
try {
  mkdirSync(folder, { recursive: true });
  const turns = await beginShownTurns(environment, '');
  for (const [name, turn] of Object.entries(turns)) {
    const facts = await factsOf(environment.agents.client, turn.turnId);
    const page = resolve(join(folder, `${name}.html`));
    writeFileSync(page, pageOf(facts, version()));
    console.log(`\n${showLines(facts, { columns: 110, style: PLAIN }).join('\n')}`);
    picture(page, join(folder, `${name}.png`), '1000,900');
    picture(page, join(folder, `${name}-dark.png`), '1000,900', [
      '--force-dark-mode',
      '--blink-settings=preferredColorScheme=0',
    ]);
    picture(page, join(folder, `${name}-phone.png`), '500,1100');
  }
  if (forDocs) {
    picture(resolve(join(folder, 'retry.html')), 'docs/pictures/show-retry.png', '1000,760');
    picture(resolve(join(folder, 'stuck-queue.html')), 'docs/pictures/show-stuck.png', '1000,700');
  }
} finally {
  await environment.close();
}

function picture(page: string, file: string, size: string, more: readonly string[] = []): void {
  const options = ['--headless', '--no-sandbox', '--hide-scrollbars', '--disable-gpu', ...more];
  const args = [
    ...options,
    `--window-size=${size}`,
    `--screenshot=${resolve(file)}`,
    `file://${page}`,
  ];
  try {
    execFileSync(process.env['CHROMIUM'] ?? 'chromium', args, { stdio: 'ignore' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

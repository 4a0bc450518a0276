import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryStorage } from 'plait/storage';
import { callTools, conversation, say } from 'plait/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { testGuide } from '../fixtures/guide.ts';
import { imageBlock, pdf, pdfBlock, png } from '../fixtures/images.ts';
import { startPlait } from '../fixtures/plait.ts';
import { bookkeeper, check } from './receipts.ts';
import { until } from '../fixtures/until.ts';

testGuide('docs/files.md', 1);

test('a statement and the scan that a tool returns are read by the model', async () => {
  const scan = png({ bytes: 500_000 });
  const archive = createServer((_, response) => response.end(scan)).listen(0, '127.0.0.1');
  const directory = await mkdtemp(join(tmpdir(), 'plait-docs-files-'));
  onTestFinished(async () => {
    archive.close();
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });
  await until(() => archive.listening);
  vi.stubEnv('ARCHIVE_URL', `http://127.0.0.1:${(archive.address() as AddressInfo).port}`);
  const statement = join(directory, 'statement.pdf');
  await writeFile(statement, pdf(20_000));
  await using plait = await startPlait({
    agents: [bookkeeper],
    script: conversation('Which payments have no receipt?', [
      callTools({ show_receipt: { number: 7 } }),
      say('All have one.'),
    ]),
    storage: directoryStorage(join(directory, 'storage')),
  });

  expect(await check(plait.agents, statement)).toBe('All have one.');

  const [asked, , results] = plait.model.requests.at(-1)?.body?.messages ?? [];
  expect(asked?.content).toMatchObject([pdfBlock(pdf(20_000)), { type: 'text' }]);
  expect(results?.content).toMatchObject([
    { content: [{ type: 'text', text: 'Receipt 7:' }, imageBlock(scan)] },
  ]);
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const pagesIn = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));
const pages = ['', 'docs', 'docs/decisions', 'docs/tutorial', 'examples'].flatMap(pagesIn);

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function anchorsOf(page: string): string[] {
  const headings = readFileSync(join(root, page), 'utf8').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) => anchorOf(heading));
}

/** What a page links to in this repository: a path from its root, and a place in it. */
function linksOf(page: string): { to: string; anchor: string | undefined }[] {
  const prose = readFileSync(join(root, page), 'utf8').replaceAll(/^```[^]*?^```/gm, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^\w+:/.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    return [{ to: path === '' ? page : join(dirname(page), path), anchor }];
  });
}

test.each(pages)('every link of %s leads to something', (page) => {
  const broken = linksOf(page).filter(
    ({ to, anchor }) =>
      !existsSync(join(root, to)) || (anchor !== undefined && !anchorsOf(to).includes(anchor)),
  );
  expect(broken).toEqual([]);
});

test.each(pages)('every source file that %s names exists', (page) => {
  const text = readFileSync(join(root, page), 'utf8');
  const named = [...text.matchAll(/`([a-z]+\/[\w./-]+\.(?:ts|js|sh|yaml))`/g)];
  expect(
    named.map(([, path = '']) => path).filter((path) => !existsSync(join(root, path))),
  ).toEqual([]);
});

test('every page can be reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    for (const { to } of page.endsWith('.md') ? linksOf(page) : []) reached.add(to);
  }
  // Examples are not published, so that no published page can link to them.
  const guides = pages.filter((page) => !['docs/decisions', 'examples'].includes(dirname(page)));
  expect(guides.filter((page) => !reached.has(page))).toEqual([]);
});

test('docs/README.md lists every guide', () => {
  const listed = linksOf('docs/README.md').map(({ to }) => to);
  const guides = pagesIn('docs').filter((page) => page !== 'docs/README.md');
  expect(guides.filter((page) => !listed.includes(page))).toEqual([]);
});

test('what a published page links to is published too', () => {
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    files: string[];
  };
  const isPublished = (path: string) =>
    files.some((file) => path === file || path.startsWith(`${file}/`));
  const missing = pages.filter(isPublished).flatMap((page) =>
    linksOf(page)
      .filter(({ to }) => !isPublished(to))
      .map(({ to }) => `${page}: ${to}`),
  );
  expect(missing).toEqual([]);
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Seen } from '../fixtures/on-call-faults.ts';
import { FAULTS } from '../fixtures/on-call-faults.ts';

const guide = readFileSync(new URL('../../docs/on-call.md', import.meta.url), 'utf8');

interface Quote {
  fault: string;
  view: keyof Seen;
  text: string;
}

/** What the page says that people see, with the fault and the place. */
const quotes: Quote[] = [
  ...guide.matchAll(/<!-- seen: ([\w ]+), (\w+) -->\n\n```text\n([\s\S]*?)```/g),
].map(([, fault = '', view = '', text = '']) => ({ fault, view: view as keyof Seen, text }));

/** In one line, without what is different each time. */
function plain(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('Problem: ', '')
    .replaceAll(/\b(toolu|req)_\w+/g, '<id>')
    .replaceAll(/\bon-call-(\w+)-[\w-]+/g, '<turn>')
    .replaceAll(/\bconvert-[\da-f]+/g, 'convert')
    .replaceAll(/\b\d+@[\w.-]+/g, '<worker>')
    .replaceAll(/127\.0\.0\.1:\d+/g, '<address>')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, '<time>')
    .replaceAll(/\b[\d.]+ (ms|s|min|h|d)\b( [\d.]+ (s|min|h)\b)?/g, '<span>')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

describe('docs/on-call.md', () => {
  test.concurrent.each(Object.entries(FAULTS))('shows what is seen of: %s', async (fault, make) => {
    const seen = await make();
    const said = quotes.filter((quote) => quote.fault === fault);
    expect(said.map(({ view }) => view)).toEqual(expect.arrayContaining(['show', 'ui']));
    for (const { view, text } of said) {
      expect(plain(seen[view] ?? '')).toContain(plain(text));
      // The page that a colleague is sent says the same.
      if (view === 'show') expect(plain(seen.page)).toContain(plain(text));
    }
  });

  test('quotes nothing else', () => {
    const faults = new Set(quotes.map(({ fault }) => fault));
    expect([...faults].toSorted()).toEqual(Object.keys(FAULTS).toSorted());
    expect(guide.match(/^```text$/gm)).toHaveLength(quotes.length);
  });
});

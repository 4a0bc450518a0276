import { expect, test } from 'vitest';
import { escapeHtml } from '../../core/html.ts';

test('what has a meaning in HTML is written as its entity', () => {
  expect(escapeHtml(`<a href="x" title='y'>&amp;</a>`)).toBe(
    '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;',
  );
  expect(escapeHtml('plain')).toBe('plain');
});

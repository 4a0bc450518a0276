import { describe, expect, test } from 'vitest';
import { withNote } from '../../../core/calls/with-note.ts';

describe('a note before what the model is told', () => {
  test('stands before a text', () => {
    expect(withNote({ type: 'succeeded', content: 'refunded' }, 'Edited.')).toEqual({
      type: 'succeeded',
      content: 'Edited.\n\nrefunded',
    });
  });

  test('is a text of its own before content blocks', () => {
    const image = {
      type: 'image',
      source: { type: 'url', url: 'https://example.com/a.png' },
    } as const;

    expect(withNote({ type: 'succeeded', content: [image] }, 'Edited.')).toEqual({
      type: 'succeeded',
      content: [{ type: 'text', text: 'Edited.' }, image],
    });
  });

  test('stands before a failure, which stays of its kind', () => {
    expect(withNote({ type: 'unknown', message: 'Lost.' }, 'Edited.')).toEqual({
      type: 'unknown',
      message: 'Edited.\n\nLost.',
    });
  });
});

import { describe, expect, it } from 'vitest';
import type { TurnStreamEvent } from '../../client/follow/stream-events.ts';
import { PartialText, partialLines } from '../../cli/partial-text.ts';
import { showTurn } from '../../cli/show-turn.ts';
import { PLAIN } from '../../cli/style.ts';
import { columnsOf } from '../../cli/text.ts';
import { latch } from '../fixtures/waiting-turns.ts';
import { fakeTty } from './terminal.ts';
import { turnWith } from './turn-fixture.ts';

const delta = (text: string): TurnStreamEvent => ({ type: 'textDelta', round: 1, block: 0, text });
const restarted: TurnStreamEvent = { type: 'attemptRestarted', round: 1, attempt: 2 };
const ended: TurnStreamEvent = { type: 'turnEnded', status: 'completed' };

describe('the text of a reply while the model writes it', () => {
  it.each<[string, TurnStreamEvent[], string]>([
    ['grows', [delta('Hel'), delta('lo')], 'Hello'],
    ['begins again with another attempt', [delta('torn'), restarted, delta('new')], 'new'],
    ['is gone when the turn has ended', [delta('cut off'), ended], ''],
    [
      'is only its end where it is long',
      [delta('x'.repeat(9_000)), delta('end')],
      `${'x'.repeat(3_997)}end`,
    ],
  ])('%s', (_, events, text) => {
    const partial = new PartialText();
    for (const event of events) partial.take(event);
    expect(partial.text).toBe(text);
  });

  it('is shown as its last lines, in the width of the terminal, and nothing hidden moves the cursor', () => {
    const options = { columns: 24, style: PLAIN };
    expect(partialLines('one two three four five six', options)).toEqual([
      '  one two three four',
      '  five six',
    ]);
    expect(partialLines('a\n'.repeat(20), options)).toHaveLength(6);
    expect(partialLines('a\n'.repeat(20), { ...options, rows: 2 })).toHaveLength(2);
    expect(partialLines('a', { ...options, rows: 0 })).toEqual([]);
    expect(partialLines(' \n', options)).toEqual([]);
    const wide = partialLines(`    ${'日本'.repeat(50)}\n\u001B[2J\t${'x'.repeat(90)}`, options);
    expect(Math.max(...wide.map(columnsOf))).toBeLessThan(24);
    expect(wide.join('')).not.toContain('\u001B');
  });

  it('is below the tree of a turn while it grows, and gone when the turn has ended', async () => {
    const { terminal, output } = fakeTty();
    const partial = new PartialText();
    const seen = latch();
    async function* snapshots() {
      yield turnWith([]);
      await seen.opened;
    }
    partial.take(delta('There are three open orders.'));
    const shown = showTurn(snapshots(), output, PLAIN, partial);
    await terminal.shows(/● model.*\n {2}There are three/);
    seen.open();
    await shown;
    expect(terminal.text).toContain('● model');
    expect(terminal.text).not.toContain('There are');
  });
});

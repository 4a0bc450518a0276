import { describe, expect, it } from 'vitest';
import { readInput } from '../../cli/chat/chat-input.ts';
import { chatFrame } from '../../cli/chat/frame.ts';
import { historyLines } from '../../cli/chat/history-lines.ts';
import { LiveRegion } from '../../cli/chat/live-region.ts';
import { nextTurn } from '../../cli/chat/next-turn.ts';
import { promptOf, readAnswer } from '../../cli/chat/questions.ts';
import type { NumberedQuestion } from '../../core/turn/protocol.ts';
import { PLAIN } from '../../cli/style.ts';
import { columnsOf } from '../../cli/text.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { imageBlock, png } from '../fixtures/images.ts';
import { FakeTerminal } from './terminal.ts';

const lines = (...messages: Message[]) => historyLines(messages, { columns: 40, style: PLAIN });
const sent = (...ids: string[]) => new Map(ids.map((id) => [id, { text: id }]));
const typed = (...lines: string[]) => ({ lines, before: lines.at(-1) ?? '' });
const frame = (...lines: string[]) => ({ lines, cursor: { row: lines.length - 1, column: 1 } });

describe('a line in the chat', () => {
  it.each([
    ['  ', { type: 'nothing' }],
    [' hello \n there ', { type: 'send', text: 'hello \n there' }],
    ['//etc/hosts', { type: 'send', text: '/etc/hosts' }],
    ['/steer faster,\nplease', { type: 'steer', text: 'faster,\nplease' }],
    ['/exit', { type: 'exit' }],
  ])('%j is %j', (typed, input) => {
    expect(readInput(typed)).toEqual(input);
  });

  it.each([
    ['/steer ', 'Write the message for the running turn'],
    ['/close now', '/close takes no text'],
    ['/etc/hosts is what?', 'There is no command /etc/hosts'],
  ])('%j is wrong', (typed, message) => {
    const input = readInput(typed);
    expect(input.type === 'wrong' && input.message).toContain(message);
  });
});

describe('an answer about a call', () => {
  it.each([
    ['decide', 'Y', { type: 'approve' }],
    ['decide', 'no', { type: 'ask', step: 'reason' }],
    ['decide', 'e', { type: 'ask', step: 'edit' }],
    ['decide', 'l', { type: 'later' }],
    ['reason', '', { type: 'deny' }],
    ['reason', ' too much ', { type: 'deny', reason: 'too much' }],
    ['edit', '{"cents":1}', { type: 'approve', input: { cents: 1 } }],
    ['edit', '', { type: 'ask', step: 'decide' }],
  ] as const)('to %s: %j is %j', (step, typed, answered) => {
    expect(readAnswer({ step, request: {} }, typed)).toEqual(answered);
  });

  it('that is invalid leads to the same question again', () => {
    expect(readAnswer({ step: 'decide', request: {} }, 'yes please')).toMatchObject({
      step: 'decide',
      problem: /y, n, e/,
    });
    expect(readAnswer({ step: 'edit', request: {} }, '{')).toMatchObject({
      step: 'edit',
      problem: /not JSON/,
    });
    expect(readAnswer({ step: 'edit', request: {} }, '{"a":1,"a":2}')).toMatchObject({
      step: 'edit',
      problem: 'a comes twice. Send each key once.',
    });
  });
});

describe('an answer to what a server asks', () => {
  const form: NumberedQuestion = {
    type: 'form',
    server: 'desk',
    message: 'How many?',
    number: 1,
    schema: {
      type: 'object',
      properties: {
        seats: { type: 'integer', minimum: 1 },
        sure: { type: 'boolean' },
        tags: { type: 'array', items: { enum: ['a', 'b'] } },
        note: { type: 'string' },
      },
      required: ['seats'],
    },
  };
  const visit: NumberedQuestion = {
    type: 'url',
    server: 'desk',
    message: 'm',
    number: 2,
    url: 'https://a.example',
  };
  const asked = { request: { question: form } };

  it('is asked for field by field, and sent when every field fits', () => {
    let fields: ReturnType<typeof readAnswer> = readAnswer({ step: 'decide', ...asked }, 'y');
    const prompts: string[] = [];
    for (const typed of ['none', '2', 'maybe', 'yes', 'a, b', '']) {
      if (fields.type !== 'ask') throw new Error(fields.type);
      const { step, form: state } = fields;
      const question = { step, ...(state && { form: state }), ...asked };
      prompts.push(promptOf(question));
      fields = readAnswer(question, typed);
    }
    expect(prompts).toEqual([
      'seats (a whole number of at least 1) › ',
      'seats (a whole number of at least 1) › ',
      'sure (true or false) › ',
      'sure (true or false) › ',
      'tags (a list of "a", "b") › ',
      'note (a text) › ',
    ]);
    expect(fields).toEqual({
      type: 'approve',
      answer: { seats: 2, sure: true, tags: ['a', 'b'] },
    });
  });

  it('is not sent if the server needs more', () => {
    const left = {
      step: 'field',
      form: { fields: ['seats'], answer: {} },
      ...asked,
    } as const;
    expect(readAnswer(left, '')).toMatchObject({
      step: 'decide',
      problem: /^Not sent: answer lacks seats/,
    });
    expect(readAnswer(left, '0')).toMatchObject({
      step: 'field',
      problem: 'answer.seats must be a whole number of at least 1.',
    });
  });

  it('may confirm a visit, or decline to answer', () => {
    const decide = { step: 'decide', request: { question: visit } } as const;
    expect(promptOf(decide)).toMatch(/have you been there/);
    expect(readAnswer(decide, 'yes')).toEqual({ type: 'approve' });
    expect(readAnswer(decide, 'n')).toEqual({ type: 'ask', step: 'reason' });
    expect(readAnswer(decide, 'l')).toEqual({ type: 'later' });
    expect(readAnswer(decide, 'e')).toMatchObject({ type: 'ask', problem: 'Answer y, n or l.' });
  });
});

describe('the history of a conversation', () => {
  it('shows the texts, and a line for each call', () => {
    expect(
      lines(
        { role: 'user', content: 'Refund it.\nAll of it.' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'text', text: 'I will.' },
            { type: 'tool_use', id: 'a', name: 'refund', input: { order: 'A-17' } },
            { type: 'tool_use', id: 'b', name: 'tell', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', content: 'refunded' },
            { type: 'tool_result', tool_use_id: 'b', content: 'nobody is there', is_error: true },
          ],
        },
        { role: 'assistant', content: 'Done.' },
      ),
    ).toEqual([
      '',
      '› Refund it.',
      '  All of it.',
      '',
      'I will.',
      '  ✔ refund(order: A-17)',
      '  ✖ tell(): nobody is there',
      '',
      'Done.',
    ]);
  });

  it('mentions an image without its data', () => {
    const image = imageBlock(png({ bytes: 100_000 }));
    const shown = lines(
      { role: 'user', content: [image, { type: 'text', text: 'What is this?' }] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'look', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [image] }] },
    );

    expect(shown).toEqual(['  [image]', '', '› What is this?', '  ✔ look()']);
  });

  it('does not let a model move the cursor', () => {
    const text = 'a\u001B[2Jb\rc';
    const shown = lines(
      { role: 'user', content: text },
      {
        role: 'assistant',
        content: [
          { type: 'text', text },
          { type: 'tool_use', id: 'a', name: text, input: { text } },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'a', content: text, is_error: true }],
      },
    );
    expect(shown.join('')).not.toMatch(/\p{Cc}/u);
  });

  it('breaks prose at words, and does not change code', () => {
    const code = `  const one = ${'1 + '.repeat(20)}1;`;
    expect(lines({ role: 'assistant', content: `${'word '.repeat(12)}\n${code}` })).toEqual([
      '',
      'word word word word word word word word',
      'word word word word',
      code.trimEnd(),
    ]);
  });
});

describe('the turn that the chat shows next', () => {
  const now = { running: undefined, waiting: [], sent: new Map(), shown: new Set<string>() };

  it('is the one that runs, no matter who began it', () => {
    expect(nextTurn({ ...now, running: 's.turn-3' })).toEqual({ type: 'show', turnId: 's.turn-3' });
    expect(nextTurn(now)).toEqual({ type: 'nothing' });
  });

  it('is first a turn of this chat that has ended without being shown', () => {
    const turns = { ...now, sent: sent('1', '2', '3'), running: '2', waiting: ['3'] };
    expect(nextTurn(turns)).toEqual({ type: 'show', turnId: '1' });
    expect(nextTurn({ ...turns, sent: sent('2', '3') })).toEqual({ type: 'show', turnId: '2' });
  });

  it('is the turn that a message joins, before the message itself', () => {
    const joining = new Map([['2', { text: 'faster', joins: '1' }]]);
    const turns = { ...now, sent: joining };
    expect(nextTurn({ ...turns, running: '1' })).toEqual({ type: 'show', turnId: '1' });
    expect(nextTurn(turns)).toEqual({ type: 'show', turnId: '1' });
    expect(nextTurn({ ...turns, shown: new Set('1') })).toEqual({ type: 'show', turnId: '2' });
  });

  it('is not known until the session knows that the last one has ended', () => {
    const turns = { ...now, running: '1', shown: new Set('1') };
    expect(nextTurn(turns)).toEqual({ type: 'nothing' });
    expect(nextTurn({ ...turns, sent: sent('2'), waiting: ['2'] })).toEqual({ type: 'ask again' });
  });
});

describe('the bottom of the screen', () => {
  const options = { columns: 20, rows: 10, now: 2_000, style: PLAIN };
  const state = { turn: undefined, partial: '', waiting: [], status: undefined, prompt: '› ' };

  it('is the prompt with the cursor after the typed text', () => {
    expect(chatFrame({ ...state, typed: typed('hallo') }, options)).toEqual({
      lines: ['', '› hallo'],
      cursor: { row: 1, column: 7 },
    });
    const inside = { lines: ['日本語'], before: '日本' };
    expect(chatFrame({ ...state, typed: inside }, options).cursor).toEqual({ row: 1, column: 6 });
  });

  it('breaks a long line, and keeps the lines of a pasted text', () => {
    const long = chatFrame({ ...state, typed: typed('a'.repeat(17)) }, options);
    expect(long).toEqual({ lines: ['', `› ${'a'.repeat(17)}`, ''], cursor: { row: 2, column: 0 } });
    const pasted = chatFrame({ ...state, typed: typed('one', '\ttwo') }, options);
    expect(pasted.lines).toEqual(['', '› one', '   two']);
  });

  it('fits the screen, however much there is', () => {
    const call = { state: 'running' as const, attempt: 1, start: 0, name: 'look', summary: 'x' };
    const calls = Array.from({ length: 40 }, (_, i) => ({ ...call, id: `${i}` }));
    const model = { state: 'succeeded' as const, attempt: 1, start: 0, end: 900 };
    const turn = {
      turnId: 't',
      agent: 'a',
      status: 'running' as const,
      rounds: [{ round: 1, model, calls }],
    };
    const waiting = ['b'.repeat(90), 'c', 'd', 'e'];
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    const partial = 'The model writes on and on. '.repeat(40);
    const all = {
      ...state,
      turn,
      partial,
      waiting,
      status: 's'.repeat(90),
      typed: typed(...lines),
    };
    for (const rows of [24, 16]) {
      const frame = chatFrame(all, { ...options, rows });
      expect(frame.lines.length).toBeLessThan(rows);
      expect(Math.max(...frame.lines.map(columnsOf))).toBeLessThan(20);
      expect(frame.lines[frame.cursor.row]).toBe('  line 29');
    }
    expect(chatFrame({ ...all, typed: typed('') }, options).lines).toContain('  … 41 lines above');
    const tall = chatFrame({ ...all, typed: typed('') }, { ...options, rows: 24 });
    expect(tall.lines.filter((line) => /\bon\b|\bThe\b/.test(line))).toHaveLength(6);
  });
});

describe('the live region of a terminal', () => {
  it('is overwritten in place, and stays below what is printed', () => {
    const terminal = new FakeTerminal();
    const region = new LiveRegion(terminal);
    region.print(['first']);
    region.draw(frame('a long line', 'another', '>'));
    region.draw(frame('short', '>'));
    region.print(['second', 'third']);
    region.draw(frame('x', 'y', '> z'));
    expect(terminal.text).toBe('first\nsecond\nthird\nx\ny\n> z');
    expect(terminal.cursor).toEqual({ row: 5, column: 1 });
    region.clear();
    expect(terminal.text).toBe('first\nsecond\nthird\n');
  });

  it('writes nothing when nothing has changed, and never erases before it writes', () => {
    const terminal = new FakeTerminal();
    const region = new LiveRegion(terminal);
    region.draw(frame('a', '>'));
    const { written } = terminal;
    region.draw(frame('a', '>'));
    expect(terminal.written).toBe(written);
    // Each line is erased after its new text, and the rest after the last line.
    expect(written).not.toMatch(/\[J.*a/s);
  });

  it('finds its first line in a terminal that has become narrower', () => {
    const terminal = Object.assign(new FakeTerminal(), { columns: 20 });
    const region = new LiveRegion(terminal);
    region.draw(frame('a'.repeat(15), 'b', '>'));
    const { written } = terminal;
    terminal.columns = 10;
    region.draw(frame('c', '>'));
    // The line of 15 takes two rows now, so it is three up.
    expect(terminal.written.slice(written.length)).toContain('\u001B[3A');
  });
});

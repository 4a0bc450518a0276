import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCallToken,
  encodeCallToken,
  InvalidCallTokenError,
} from '../../../core/calls/token.ts';

const call = { turnId: 'ticket-88', callId: 'toolu_01', key: 'k' };

describe('the token of a call', () => {
  it('survives every address and header, and reads back unchanged', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, text, (turnId, callId, key) => {
        const token = encodeCallToken({ turnId, callId, key });
        expect(token).toMatch(/^A[A-Za-z0-9_-]+$/);
        expect(decodeCallToken(token)).toEqual({ turnId, callId, key });
      }),
    );
  });

  it('keeps its format, since tokens stay valid for weeks', () => {
    const token = 'AeyJ0dXJuSWQiOiJ0aWNrZXQtODgiLCJjYWxsSWQiOiJ0b29sdV8wMSIsImtleSI6ImsifQ';
    expect(encodeCallToken(call)).toBe(token);
    expect(decodeCallToken(token)).toEqual(call);
  });

  it('cannot be any other text, and the error says what a token looks like', () => {
    const token = encodeCallToken(call);
    const others = [
      '',
      'toolu_01',
      `B${token.slice(1)}`,
      token.slice(0, -9),
      `${token} `,
      `${token}=`,
      'A',
      'Abcde',
      `A${btoa('7')}`,
      `A${btoa('{}')}`,
      `A${btoa('{"turnId":"t","callId":"c"}').replaceAll('=', '')}`,
      `A${btoa('{"turnId":"t","key":"k"}').replaceAll('=', '')}`,
      undefined,
      null,
      { token },
    ];
    for (const other of others) {
      expect(() => decodeCallToken(other)).toThrow(InvalidCallTokenError);
    }
    expect(() => decodeCallToken('toolu_01')).toThrow(
      '"toolu_01" is not the token of a tool call. A token starts with A',
    );
    expect(() => decodeCallToken('x'.repeat(500))).toThrow(/^"x{39}…" is not the token/);
  });
});

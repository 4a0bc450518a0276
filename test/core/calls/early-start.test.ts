import { describe, expect, test } from 'vitest';
import type { CompleteCall } from '../../../core/calls/early-start.ts';
import { mayStartEarly } from '../../../core/calls/early-start.ts';

const tool = { startCallsEarly: true, approval: 'never', policy: {} };
const call: CompleteCall = {
  origin: {},
  tool,
  valid: true,
  access: { reads: ['a'] },
  before: [undefined, { reads: ['a'] }, { writes: ['b'] }],
  hasRoom: true,
};

describe('a call may start before its reply is whole', () => {
  test.each<[why: string, but: Partial<CompleteCall>]>([
    ['where nothing would hold it up', {}],
    ['where it touches nothing that others do', { access: undefined }],
    ['where it is the first', { before: [] }],
  ])('%s', (_, but) => {
    expect(mayStartEarly({ ...call, ...but })).toBe(true);
  });
});

describe('a call starts with the whole reply', () => {
  test.each<[why: string, but: Partial<CompleteCall>]>([
    ['of a tool that the agent does not have', { tool: undefined }],
    ['of a tool that may change something', { tool: { ...tool, startCallsEarly: false } }],
    ['that a person must allow', { tool: { ...tool, approval: 'always' } }],
    ['that a person may have to allow', { tool: { ...tool, approval: () => false } }],
    ['of a task queue of its own', { tool: { ...tool, policy: { taskQueue: 'gpu' } } }],
    ['that code has made', { origin: { byCode: true } }],
    ['of a toolset', { origin: { toolset: 'browser' } }],
    ['with an invalid input', { valid: false }],
    ['that reads what an earlier one writes', { before: [undefined, { writes: ['a'] }] }],
    ['after one that runs alone', { before: ['exclusive', undefined] }],
    ['that runs alone, after another', { access: 'exclusive' }],
    ['that the limits on running calls hold back', { hasRoom: false }],
  ])('%s', (_, but) => {
    expect(mayStartEarly({ ...call, ...but })).toBe(false);
  });
});

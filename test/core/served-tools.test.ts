import { expect, test } from 'vitest';
import {
  inputRequiredText,
  invalidServedResultText,
  serverAbsentText,
} from '../../core/calls/texts.ts';
import type { AgentSpec, PinnedSpec } from '../../core/agent-spec.ts';
import { TOOL_NAME_PATTERN } from '../../core/names.ts';
import type { ToolPolicy } from '../../core/calls/tool-policy.ts';
import { toolPolicy } from '../../core/calls/tool-policy.ts';
import {
  isSelected,
  knownAnnotations,
  servedName,
  specOfCall,
  withServedTools,
} from '../../core/served-tools.ts';

test("the names of a server and its tool make the tool's name", () => {
  expect(servedName('files', 'read_file')).toBe('files__read_file');
  expect(servedName('files', 'read-file-2')).toBe('files__read-file-2');
});

test.for([
  ['has a dot', 'files', 'fs.read'],
  ['has a slash', 'files', 'fs/read'],
  ['is not of letters', 'files', '読む'],
  ['is empty', 'files', ''],
  ['is too long', 'files', 'read_'.repeat(30)],
] as const)(
  'a name that %s becomes one that the API accepts, always the same',
  ([, server, tool]) => {
    const name = servedName(server, tool);
    expect(name).toMatch(TOOL_NAME_PATTERN);
    expect(name.startsWith('files__')).toBe(true);
    expect(servedName(server, tool)).toBe(name);
  },
);

test('names that look alike after the change stay different', () => {
  const names = ['fs.read', 'fs/read', 'fs_read', 'x'.repeat(100), 'x'.repeat(101)];
  expect(new Set(names.map((tool) => servedName('files', tool))).size).toBe(names.length);
});

test.for([
  [{}, true],
  [{ allow: ['read'] }, true],
  [{ allow: ['write'] }, false],
  [{ deny: ['write'] }, true],
  [{ deny: ['read'] }, false],
  [{ allow: ['read'], deny: ['read'] }, false],
] as const)('from a server with %j, an agent has "read": %s', ([selection, expected]) => {
  expect(isSelected(selection, 'read')).toBe(expected);
});

const tool = (name: string) => ({ name, input_schema: { type: 'object' as const } });
const spec: AgentSpec = {
  model: 'claude',
  max_tokens: 10,
  system: 'Be kind.',
  tools: [tool('own')],
};
const files = {
  served: {
    server: 'files',
    tools: [
      { name: 'files__read', tool: 'read', annotations: { readOnlyHint: true } },
      { name: 'files__write', tool: 'write' },
    ],
  },
  specs: [tool('files__read'), tool('files__write')],
};

test('the tools of servers come after those of the agent, followed by a line for each server that is away', () => {
  expect(
    withServedTools(spec, { listed: [files], absent: ['mail is away', 'db is away'] }),
  ).toEqual({
    ...spec,
    system: 'Be kind.\n\nmail is away\n\ndb is away',
    tools: [tool('own'), tool('files__read'), tool('files__write')],
    served: [files.served],
  });
  const bare: AgentSpec = { model: 'claude', max_tokens: 10 };
  expect(withServedTools(bare, { listed: [], absent: [] })).toEqual({ ...bare, served: [] });
  expect(withServedTools(bare, { listed: [], absent: ['mail is away'] })).toEqual({
    ...bare,
    system: 'mail is away',
    served: [],
  });
});

const own = toolPolicy(true);
const ofServer = toolPolicy(false, { server: 'files' });
const policies: [string, ToolPolicy][] = [
  ['own', own],
  ['files__read', ofServer],
  ['files__write', ofServer],
];

test('a call to a server carries the pinned spec, and no other call does', () => {
  const stored: PinnedSpec = { type: 'stored', digest: 'd', claim: { key: 'k' } };
  expect(specOfCall({ spec: stored, policies }, 'own')).toBeUndefined();
  expect(specOfCall({ spec: stored, policies }, 'nothing')).toBeUndefined();
  expect(specOfCall({ spec: stored, policies }, 'files__read')).toBe(stored);
});

test('without a storage it carries only the part about its own tool', () => {
  const whole = withServedTools(spec, { listed: [files], absent: [] });
  const mail = { server: 'mail', tools: [{ name: 'mail__send', tool: 'send' }] };
  const inline: PinnedSpec = {
    type: 'inline',
    digest: 'd',
    spec: { ...whole, served: [files.served, mail] },
  };
  expect(specOfCall({ spec: inline, policies }, 'files__write')).toEqual({
    type: 'inline',
    digest: 'd',
    spec: {
      model: 'claude',
      max_tokens: 10,
      tools: [tool('files__write')],
      served: [{ server: 'files', tools: [{ name: 'files__write', tool: 'write' }] }],
    },
  });
  const bare: PinnedSpec = {
    type: 'inline',
    digest: 'd',
    spec: { model: 'claude', max_tokens: 10 },
  };
  expect(specOfCall({ spec: bare, policies }, 'files__read')).toMatchObject({
    spec: { tools: [], served: [] },
  });
});

test.for([
  [undefined, undefined],
  [null, undefined],
  ['readOnlyHint', undefined],
  [{}, undefined],
  [{ readOnlyHint: 'yes', vendor: { x: 1 } }, undefined],
  [{ readOnlyHint: true, idempotentHint: 'no' }, { readOnlyHint: true }],
  [
    { title: 'Read', destructiveHint: false, openWorldHint: true, idempotentHint: false },
    { title: 'Read', destructiveHint: false, openWorldHint: true, idempotentHint: false },
  ],
] as const)('of the annotations %j, Plait keeps %j', ([given, known]) => {
  expect(knownAnnotations(given)).toEqual(known);
});

test('the model reads in plain words what is wrong with a server', () => {
  expect(serverAbsentText('mail')).toBe(
    'The tools of the server mail are not available in this conversation: it could not be reached when the conversation began.',
  );
  expect(invalidServedResultText('result/n must be number')).toBe(
    'The tool ran, but its result does not match its outputSchema: result/n must be number',
  );
  expect(inputRequiredText('mail', [])).toBe(
    'The server mail asks for more input before it goes on with the call, which is not possible here, so the call was given up.',
  );
  expect(inputRequiredText('mail', ['Which account?', 'Since when?'])).toContain(
    'so the call was given up. It asks: Which account? It asks: Since when?',
  );
});

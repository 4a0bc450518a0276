import { randomUUID } from 'node:crypto';
import { TypedSearchAttributes } from '@temporalio/common';
import fc from 'fast-check';
import { expect, inject, test } from 'vitest';
import { hasWanted, keyword, listWorkflows, visibilityQuery } from '../../client/lists.ts';
import {
  AGENT_ATTRIBUTE,
  SEARCH_ATTRIBUTES,
  USER_ATTRIBUTE,
  userProblem,
} from '../../core/search-attributes.ts';
import { newNamespace } from '../fixtures/namespace.ts';

const awkward = fc.string({
  unit: fc.constantFrom(
    'a',
    'B',
    ' ',
    "'",
    '"',
    '\\',
    '`',
    '%',
    '_',
    '!',
    '-',
    ';',
    ')',
    '\n',
    'ü',
    '😀',
  ),
  maxLength: 12,
});

/** What a condition on a keyword may look like: there is nothing to escape in its text. */
const CONDITION = /^PlaitUser (?:IS NOT NULL|(=|STARTS_WITH) '([^'"\\\p{Cc}]*)')$/u;

test('a query asks for the whole value, or for a beginning that needs no escape', () => {
  fc.assert(
    fc.property(fc.oneof(awkward, fc.string(), fc.string({ unit: 'binary' })), (user) => {
      const query = visibilityQuery('agentTurn', keyword(USER_ATTRIBUTE, user), {
        status: 'Running',
      });
      const head = "WorkflowType = 'agentTurn' AND ExecutionStatus = 'Running' AND ";
      expect(query.startsWith(head)).toBe(true);
      const condition = CONDITION.exec(query.slice(head.length));
      expect(condition).not.toBeNull();
      const [, operator, text = ''] = condition ?? [];
      if (operator === '=') expect(text).toBe(user);
      else expect(user.startsWith(text)).toBe(true);
    }),
  );
});

test('additional results of the server are left out', () => {
  const wanted = [...keyword(AGENT_ATTRIBUTE, 'support'), ...keyword(USER_ATTRIBUTE, 'Ada')];
  const has = (agent: string, user?: string) =>
    hasWanted(
      new TypedSearchAttributes([
        { key: AGENT_ATTRIBUTE, value: agent },
        ...keyword(USER_ATTRIBUTE, user),
      ]),
      wanted,
    );
  expect(has('support', 'Ada')).toBe(true);
  expect(has('support', 'ada')).toBe(false);
  expect(has('support')).toBe(false);
  expect(keyword(USER_ATTRIBUTE, undefined)).toEqual([]);
});

test('a real server finds each of many awkward users, and nobody else', async () => {
  await using namespace = await newNamespace(inject('temporalAddress'), SEARCH_ATTRIBUTES);
  const { client } = namespace;
  const samples = fc.sample(
    awkward.filter((user) => userProblem(user) === undefined),
    { numRuns: 60, seed: 7 },
  );
  const chosen = [
    "o'neill",
    'CORP\\ada',
    '"',
    '\\',
    "\\'",
    "' OR WorkflowId = 'x",
    'a"b',
    'a',
    'A',
    '5',
    'true',
    'NULL',
    '2026-11-22T00:00:00Z',
    '100%_!',
  ];
  const users = [...new Set([...chosen, ...samples])];
  await Promise.all(
    users.map((user) =>
      client.workflow.start('nothing', {
        workflowId: randomUUID(),
        taskQueue: 'nobody',
        typedSearchAttributes: [{ key: USER_ATTRIBUTE, value: user }],
      }),
    ),
  );
  const found = async (...wanted: Parameters<typeof keyword>) => {
    const values: (string | undefined)[] = [];
    for await (const run of listWorkflows(client, 'nothing', keyword(...wanted))) {
      values.push(run.typedSearchAttributes.get(USER_ATTRIBUTE));
    }
    return values;
  };
  await expect.poll(() => found(USER_ATTRIBUTE, undefined)).toHaveLength(users.length);
  for (const user of users) expect(await found(USER_ATTRIBUTE, user), user).toEqual([user]);
});

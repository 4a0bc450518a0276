import type { Context } from '@temporalio/activity';
import { defaultDataConverter } from '@temporalio/common';
import { encodeToPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { expect, test } from 'vitest';
import { findContent } from '../../activities/turn/find-content.ts';
import { createSecrets } from '../../activities/model/secrets.ts';
import { createTranscriptStore } from '../../activities/transcript/store.ts';
import { CALL_MODEL } from '../../core/names.ts';
import { spanIdOf } from '../../core/trace/ids.ts';
import type { TracedCall } from '../../core/trace/spans.ts';

const turn = { namespace: 'default', turnId: 'ticket-88' };
const chat = (id: string) => ({ id, start: 1, end: 2, attributes: {} });
const part = {
  agent: 'support',
  chats: ['c1', 'c2'].map(chat),
  calls: [{ id: 'toolu_1', name: 'look' } as TracedCall],
};

const payloads = async (value: unknown) => ({
  payloads: await encodeToPayloads(defaultDataConverter, value),
});

/** An activity of the turn, on a server that answers with these pages. */
function activityWith(pages: () => Promise<unknown>) {
  const warnings: unknown[] = [];
  const activity = {
    info: {
      namespace: turn.namespace,
      workflowExecution: { workflowId: turn.turnId, runId: 'run' },
    },
    log: { warn: (_: string, about: unknown) => warnings.push(about) },
    client: {
      options: { namespace: turn.namespace, loadedDataConverter: defaultDataConverter },
      withDeadline: (_: number, request: () => unknown) => request(),
      workflowService: { getWorkflowExecutionHistory: pages },
    },
  } as unknown as Context;
  return { activity, warnings };
}

const sources = { store: createTranscriptStore(undefined), secrets: createSecrets(), limit: 1_000 };

test('the content in history is found even if the storage of the rest is away, and the log says so', async () => {
  const spec = { type: 'inline', spec: { model: 'claude', max_tokens: 1, system: 'Be kind.' } };
  const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'sky' } };
  const first = {
    args: { tail: [{ role: 'user', content: 'go' }], segments: [] },
    result: {
      type: 'reply',
      pinned: { spec },
      prepared: [],
      // Of two requests the second has brought the reply.
      chats: [chat('c0'), chat('c1')],
      reply: { content: [call] },
    },
  };
  const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'blue' };
  const second = {
    args: {
      spec,
      tail: [{ role: 'user', content: [result] }],
      segments: [{ digest: 'd', claim: {}, messages: 1, bytes: 9 }],
    },
    result: { type: 'reply', prepared: [], chats: [chat('c2')], reply: { content: [] } },
  };
  const events = await Promise.all(
    [first, second].map(async ({ args, result: returned }, i) => [
      {
        eventId: 2 * i,
        activityTaskScheduledEventAttributes: {
          activityId: `${i}`,
          activityType: { name: CALL_MODEL },
          input: await payloads(args),
        },
      },
      {
        eventId: 2 * i + 1,
        activityTaskCompletedEventAttributes: {
          scheduledEventId: 2 * i,
          result: await payloads(returned),
        },
      },
    ]),
  );
  const { activity, warnings } = activityWith(() =>
    Promise.resolve({ history: { events: events.flat() }, nextPageToken: new Uint8Array() }),
  );
  const found = await findContent(activity, part, sources);
  expect(Object.fromEntries(found)).toEqual({
    c0: {
      'gen_ai.system_instructions': '[{"type":"text","content":"Be kind."}]',
      'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"go"}]}]',
    },
    c1: {
      'gen_ai.system_instructions': '[{"type":"text","content":"Be kind."}]',
      'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"go"}]}]',
      'gen_ai.output.messages':
        '[{"role":"assistant","parts":[{"type":"tool_call","id":"toolu_1","name":"look","arguments":{"at":"sky"}}]}]',
    },
    [spanIdOf(turn, 'toolu_1')]: {
      'gen_ai.tool.call.arguments': '{"at":"sky"}',
      'gen_ai.tool.call.result': '[{"type":"text","text":"blue"}]',
    },
  });
  expect(warnings).toMatchObject([
    { turnId: turn.turnId, problem: expect.stringMatching(/this worker has no storage/) as string },
  ]);
});

test('a history that cannot be read leaves the spans without content, and the log without credentials', async () => {
  const { activity, warnings } = activityWith(() =>
    Promise.reject(new Error('no access for sk-ant-planted-0123456789')),
  );
  const found = await findContent(activity, part, sources);
  expect(found.size).toBe(0);
  expect(warnings).toMatchObject([{ problem: 'no access for ***' }]);
});

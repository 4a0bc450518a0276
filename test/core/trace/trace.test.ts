import { describe, expect, test } from 'vitest';
import { isTraces, notTracesProblem } from '../../../core/trace/traces.ts';
import { TraceCarrier } from '../../../core/trace/carrier.ts';
import { chatOf } from '../../../core/trace/chat.ts';
import { contextOf, readTraceContext, spanInTurn, spanOf } from '../../../core/trace/context.ts';
import { spanIdOf, traceIdOf } from '../../../core/trace/ids.ts';
import type { TracedPart } from '../../../core/trace/spans.ts';
import { spansOf, tracedCall } from '../../../core/trace/spans.ts';
import type { CallRecord } from '../../../core/calls/record.ts';
import { replyWith } from '../arbitraries.ts';

const turn = { namespace: 'default', turnId: 'ticket-88' };
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('ids', () => {
  test('depend on the turn and its part, and on nothing else', () => {
    expect(traceIdOf(turn)).toMatch(/^[0-9a-f]{32}$/);
    expect(spanIdOf(turn, 'toolu_1')).toMatch(/^[0-9a-f]{16}$/);
    expect(traceIdOf({ ...turn })).toBe(traceIdOf(turn));
    expect(spanIdOf({ ...turn }, 'toolu_1')).toBe(spanIdOf(turn, 'toolu_1'));
  });

  test('differ between turns, namespaces and parts, however alike these are', () => {
    const ids = new Set<string>();
    for (let i = 0; i < 20_000; i += 1) {
      ids.add(spanIdOf({ namespace: 'default', turnId: `turn-${i}` }, ''));
      ids.add(spanIdOf(turn, `toolu_${i}`));
      ids.add(spanIdOf({ namespace: `ns-${i}`, turnId: 'turn' }, ''));
    }
    expect(ids.size).toBe(60_000);
    expect(spanIdOf({ namespace: 'a', turnId: 'bc' }, '')).not.toBe(
      spanIdOf({ namespace: 'ab', turnId: 'c' }, ''),
    );
  });

  test('have every bit set about half of the time, which samplers need', () => {
    const counts = Array.from({ length: 128 }, () => 0);
    const turns = 4_000;
    for (let i = 0; i < turns; i += 1) {
      const id = BigInt(`0x${traceIdOf({ namespace: 'default', turnId: `turn-${i}` })}`);
      for (let bit = 0; bit < 128; bit += 1) {
        // oxlint-disable-next-line no-bitwise -- it counts bits
        if ((id >> BigInt(bit)) & 1n) counts[bit] = (counts[bit] ?? 0) + 1;
      }
    }
    for (const count of counts) expect(Math.abs(count / turns - 0.5)).toBeLessThan(0.05);
  });
});

describe('contexts', () => {
  test.each<[why: string, value: unknown]>([
    ['nothing', undefined],
    ['a text', traceparent],
    ['no traceparent', { tracestate: 'a=1' }],
    ['another version', { traceparent: traceparent.replace(/^00/, 'cc') }],
    ['a trace of zeros', { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` }],
    [
      'a span of zeros',
      { traceparent: `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01` },
    ],
  ])('are not read from %s', (_why, value) => {
    expect(readTraceContext(value)).toBeUndefined();
  });

  test('are read with their state, unless it is empty or too long', () => {
    expect(readTraceContext({ traceparent, tracestate: 'a=1', more: 1 })).toEqual({
      traceparent,
      tracestate: 'a=1',
    });
    for (const tracestate of ['', 'a'.repeat(513), 1]) {
      expect(readTraceContext({ traceparent, tracestate })).toEqual({ traceparent });
    }
  });

  test('name a span, and can be made from one', () => {
    for (const flags of ['00', '01', '03']) {
      const context = { traceparent: `${traceparent.slice(0, -2)}${flags}`, tracestate: 'a=1' };
      expect(spanOf(context).sampled).toBe(flags !== '00');
      expect(spanOf(contextOf(spanOf(context)))).toEqual(spanOf(context));
    }
    expect(spanOf({ traceparent: '' })).toEqual({ traceId: '', spanId: '', sampled: false });
  });

  test('a turn belongs to the trace that started it, or else to one of its own', () => {
    expect(spanInTurn(turn, { traceparent }, 'toolu_1')).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: spanIdOf(turn, 'toolu_1'),
      sampled: true,
    });
    expect(spanInTurn(turn, undefined, '')).toEqual({
      traceId: traceIdOf(turn),
      spanId: spanIdOf(turn, ''),
      sampled: true,
    });
  });

  test('a carrier is empty at first', () => {
    const carrier = new TraceCarrier();
    expect([carrier.from, carrier.children.size]).toEqual([undefined, 0]);
  });
});

const usage = {
  input_tokens: 10,
  output_tokens: 3,
  cache_creation_input_tokens: 20,
  cache_read_input_tokens: 70,
};
const about = { id: spanIdOf(turn, 'model.1'), start: 1_000, end: 2_000, model: 'm', attempt: 1 };
const reply = replyWith({ id: 'msg_1', model: 'm-1', stopReason: 'end_turn', usage });

describe('requests to the model', () => {
  test('have what the SDK has recorded, and what it has not seen of the reply', () => {
    const recorded = {
      scope: ['com.anthropic.sdk.typescript', '1.12.0'] as [string, string],
      attributes: {
        'gen_ai.provider.name': 'aws.bedrock',
        'gen_ai.request.max_tokens': 100,
        'gen_ai.input.messages': 'secret',
        'gen_ai.system_instructions': 'secret',
      },
    };
    const chat = chatOf(about, recorded, {
      type: 'reply',
      reply: { ...reply, requestId: 'req_1' },
    });
    expect(chat).toEqual({
      id: about.id,
      start: 1_000,
      end: 2_000,
      scope: recorded.scope,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'aws.bedrock',
        'gen_ai.request.model': 'm',
        'gen_ai.request.max_tokens': 100,
        'gen_ai.response.id': 'msg_1',
        'gen_ai.response.model': 'm-1',
        'gen_ai.response.finish_reasons': ['end_turn'],
        'anthropic.message.stop_reason': 'end_turn',
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 3,
        'gen_ai.usage.cache_read.input_tokens': 70,
        'gen_ai.usage.cache_write.input_tokens': 20,
        'anthropic.request.id': 'req_1',
      },
    });
  });

  test('have no id of the API if it gave none', () => {
    const chat = chatOf(about, undefined, { type: 'reply', reply: { ...reply, requestId: null } });
    expect(Object.keys(chat.attributes)).not.toContain('anthropic.request.id');
  });

  test.each<[error: string, answer: Parameters<typeof chatOf>[2]]>([
    ['529', { type: 'failure', status: 529 }],
    ['_OTHER', { type: 'failure' }],
    ['invalid_reply', { type: 'invalid reply' }],
  ])('that failed say so: %s', (error, answer) => {
    const chat = chatOf({ ...about, attempt: 3 }, undefined, answer);
    expect(chat).toMatchObject({
      error,
      attributes: { 'error.type': error, 'plait.attempt': 3, 'gen_ai.provider.name': 'anthropic' },
    });
    expect(chat.scope).toBeUndefined();
  });
});

const record: CallRecord = {
  id: 'toolu_1',
  name: 'files__read',
  input: { path: 'secret' },
  outcome: 'succeeded',
  round: 1,
  attempts: 2,
  start: '2026-11-29T12:00:00.000Z',
  end: '2026-11-29T12:00:01.000Z',
};
const part: TracedPart = { agent: 'support', chats: [], calls: [] };
const ended = { start: 5, end: 4, reason: 'end_turn', rounds: 1, calls: 1, usage };

describe('spans of a turn', () => {
  test('are the turn, its replies and its calls, and nothing that anybody has said', () => {
    const chat = chatOf(about, undefined, { type: 'reply', reply });
    const spans = spansOf(
      turn,
      {
        ...part,
        sessionId: 'chat-1',
        from: { traceparent },
        chats: [chat],
        calls: [
          tracedCall(
            { ...record, approval: { decision: 'approved', by: 'secret', at: '' } },
            'files',
          ),
        ],
        ended: { ...ended, costUSD: 0.5 },
      },
      (server) => ({ 'server.address': server }),
    );
    expect(spans.map(({ name, kind, start, end }) => [name, kind, end - start])).toEqual([
      ['invoke_agent support', 'internal', 0],
      ['chat m', 'client', 1_000],
      ['execute_tool files__read', 'internal', 1_000],
    ]);
    const [whole, asked, called] = spans;
    expect(whole?.parent).toEqual(spanOf({ traceparent }));
    expect([asked?.parent, called?.parent]).toEqual([whole?.span, whole?.span]);
    expect(whole?.attributes).toMatchObject({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'support',
      'gen_ai.conversation.id': 'chat-1',
      'gen_ai.request.model': 'm',
      'gen_ai.usage.input_tokens': 100,
      'plait.turn.stop_reason': 'end_turn',
      'plait.turn.cost_usd': 0.5,
    });
    expect(called?.attributes).toEqual({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'files__read',
      'gen_ai.tool.call.id': 'toolu_1',
      'gen_ai.tool.type': 'extension',
      'gen_ai.agent.name': 'support',
      'gen_ai.conversation.id': 'chat-1',
      'plait.call.outcome': 'succeeded',
      'plait.call.round': 1,
      'plait.call.attempts': 2,
      'plait.call.decision': 'approved',
      'mcp.method.name': 'tools/call',
      'server.address': 'files',
    });
    expect(JSON.stringify(spans)).not.toContain('secret');
  });

  test('of a turn that goes on include only what has ended', () => {
    const [only, ...others] = spansOf(turn, { ...part, calls: [tracedCall(record, undefined)] });
    expect(others).toEqual([]);
    expect(only).toMatchObject({
      parent: spanInTurn(turn, undefined, ''),
      attributes: { 'gen_ai.tool.type': 'function' },
    });
    const served = { ...part, calls: [tracedCall(record, 'files')] };
    expect(spansOf(turn, served)[0]?.attributes).toMatchObject({ 'mcp.method.name': 'tools/call' });
  });

  test('say if something failed, except for calls that never ran', () => {
    const outcomes = ['succeeded', 'failed', 'timedOut', 'unknown', 'denied', 'skipped'] as const;
    const calls = outcomes.map((outcome) => tracedCall({ ...record, outcome }, undefined));
    expect(spansOf(turn, { ...part, calls }).map(({ error }) => error)).toEqual([
      undefined,
      'failed',
      'timedOut',
      'unknown',
      undefined,
      undefined,
    ]);
    const [failed] = spansOf(turn, {
      ...part,
      ended: { ...ended, reason: 'plait.ModelCallFailed', failed: true },
    });
    expect(failed).toMatchObject({
      error: 'plait.ModelCallFailed',
      attributes: { 'error.type': 'plait.ModelCallFailed' },
    });
    expect(failed?.parent).toBeUndefined();
  });

  test('a call of a sub-agent names its turn', () => {
    const subAgent = {
      turnId: 'ticket-88.toolu_1',
      agent: 'scout',
      stopReason: 'end_turn',
      rounds: 1,
      toolCalls: 0,
      usage,
    } as const;
    const calls = [tracedCall({ ...record, subAgent, late: true, startedEarly: true }, undefined)];
    expect(spansOf(turn, { ...part, calls })[0]?.attributes).toMatchObject({
      'plait.call.sub_agent': 'scout',
      'plait.call.sub_agent_turn_id': 'ticket-88.toolu_1',
      'plait.call.in_background': true,
      'plait.call.started_early': true,
    });
  });
});

const run = () => undefined;

test('what openTelemetry returns is recognized by its functions', () => {
  const traces = { problem: run, write: run, within: run, recorded: run, record: run, start: run };
  expect(isTraces(traces)).toBe(true);
  expect([undefined, {}, { ...traces, start: 1 }].filter(isTraces)).toEqual([]);
});

test('the error for another value says what it should be', () => {
  expect(notTracesProblem('traces', undefined)).toBeUndefined();
  expect(notTracesProblem('traces', true)).toBe(
    'traces must be what openTelemetry() of plait/telemetry returns; got true',
  );
});

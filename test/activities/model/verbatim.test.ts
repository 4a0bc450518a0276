import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import type { Message } from '@anthropic-ai/sdk/resources/messages';
import { describe, expect, test } from 'vitest';
import { requestParams } from '../../../activities/model/request-params.ts';
import { requestReply } from '../../../activities/model/request-reply.ts';
import { createSecrets } from '../../../activities/model/secrets.ts';
import type { ReplyBlock } from '../../../core/conversation/messages.ts';
import { allMessages } from '../../../core/conversation/transcript.ts';
import { frame, messageEvents } from '../../../testing/messages/sse.ts';
import { beginTurn, commitReply } from '../../../core/turn/state.ts';
import { onLoopback } from '../../fixtures/loopback.ts';

const SPEC = { model: 'claude-opus-5-5', max_tokens: 1_000 };
const QUESTION = { role: 'user' as const, content: 'Hello' };

/** A Messages API whose one answer are these bytes. */
async function serve(sse: string) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(sse);
    });
  });
  const { url, ...open } = await onLoopback(server);
  return {
    client: new Anthropic({
      apiKey: 'test',
      baseURL: url,
      maxRetries: 0,
      openTelemetry: false,
    }),
    ...open,
  };
}

/** The JSON of the assistant's message in the request that follows a reply with this stream. */
async function sentBack(client: Anthropic): Promise<string | undefined> {
  const reply = await requestReply(client, requestParams(SPEC, [QUESTION]), {
    signal: new AbortController().signal,
    idleTimeoutMs: 10_000,
    secrets: createSecrets(),
  });
  // Through JSON, as it goes into history and comes out of it.
  const recorded = JSON.parse(JSON.stringify(reply)) as typeof reply;
  const { transcript } = commitReply(beginTurn([QUESTION]), recorded);
  const { messages } = requestParams(SPEC, [
    ...(allMessages(transcript) ?? []),
    { role: 'user', content: 'Go on' },
  ]);
  const message = messages.find(({ role }) => role === 'assistant');
  return message === undefined ? undefined : JSON.stringify(message);
}

describe('a reply goes back block for block as it came:', () => {
  const direct = { type: 'direct' };
  const code = { type: 'code_execution_20260120', tool_id: 'srvtoolu_1' };
  // Written by hand, in the API's framing. What is `at` the beginning grows by `deltas`.
  const blocks: [string, object, object[], object][] = [
    [
      'thinking whose text is left out',
      { type: 'thinking', thinking: '', signature: '' },
      [{ type: 'signature_delta', signature: 'c2lnbmVk' }],
      { type: 'thinking', thinking: '', signature: 'c2lnbmVk' },
    ],
    [
      'redacted thinking',
      { type: 'redacted_thinking', data: 'ZW5jcnlwdGVk' },
      [],
      { type: 'redacted_thinking', data: 'ZW5jcnlwdGVk' },
    ],
    [
      'a call by code, its keys in the order in which they came',
      { type: 'tool_use', id: 'toolu_1', name: 'look', caller: code, input: {} },
      [
        { type: 'input_json_delta', partial_json: '' },
        { type: 'input_json_delta', partial_json: '{"z": 1, "a"' },
        { type: 'input_json_delta', partial_json: ': {"y": [], "b": null}}' },
      ],
      {
        type: 'tool_use',
        id: 'toolu_1',
        name: 'look',
        caller: code,
        input: { z: 1, a: { y: [], b: null } },
      },
    ],
    [
      'a call of a server tool',
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {}, caller: direct },
      [{ type: 'input_json_delta', partial_json: '{"query":"rain"}' }],
      {
        type: 'server_tool_use',
        id: 'srvtoolu_1',
        name: 'web_search',
        input: { query: 'rain' },
        caller: direct,
      },
    ],
    ...[
      {
        type: 'web_search_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: [
          {
            type: 'web_search_result',
            title: 'Rain',
            url: 'https://example.com',
            encrypted_content: 'ZW5j',
            page_age: null,
          },
        ],
        caller: direct,
      },
      {
        type: 'web_fetch_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: { type: 'web_fetch_tool_result_error', error_code: 'url_not_accessible' },
      },
      {
        type: 'code_execution_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: {
          type: 'code_execution_result',
          stdout: '1\n',
          stderr: '',
          return_code: 0,
          content: [],
        },
      },
      {
        type: 'tool_search_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: {
          type: 'tool_search_tool_search_result',
          tool_references: [{ type: 'tool_reference', tool_name: 'rare' }],
        },
      },
      { type: 'container_upload', file_id: 'file_1' },
      { type: 'fallback', from: { model: 'a' }, to: { model: 'b' } },
      { type: 'block_of_the_future', deep: { er: [1, { x: null }] }, signature: 'abc' },
    ].map((whole): [string, object, object[], object] => [whole.type, whole, [], whole]),
    [
      'citations',
      { citations: [], type: 'text', text: '' },
      [
        { type: 'text_delta', text: 'It ' },
        {
          type: 'citations_delta',
          citation: { type: 'web_search_result_location', url: 'u', encrypted_index: 'i' },
        },
        { type: 'text_delta', text: 'rains.' },
      ],
      {
        citations: [{ type: 'web_search_result_location', url: 'u', encrypted_index: 'i' }],
        type: 'text',
        text: 'It rains.',
      },
    ],
    [
      'a block and deltas that nobody knows yet',
      { type: 'drawing', strokes: [1], caption: 'a', seal: null },
      [
        { type: 'drawing_delta', strokes: [2, 3], caption: 'b' },
        { type: 'seal_delta', seal: 'c2VhbA==' },
      ],
      { type: 'drawing', strokes: [1, 2, 3], caption: 'ab', seal: 'c2VhbA==' },
    ],
    [
      'a call of a kind that nobody knows yet',
      { type: 'mcp_tool_use', id: 'mcptoolu_1', name: 'x', server_name: 's' },
      [{ type: 'input_json_delta', partial_json: '{"a":1}' }],
      { type: 'mcp_tool_use', id: 'mcptoolu_1', name: 'x', server_name: 's', input: { a: 1 } },
    ],
  ];

  test.each(blocks)('%s', async (_name, at, deltas, expected) => {
    const events = [
      {
        type: 'message_start',
        message: { id: 'msg_1', model: SPEC.model, content: [], stop_reason: null, usage: {} },
      },
      { type: 'content_block_start', index: 0, content_block: at },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } },
      { type: 'message_stop' },
    ];
    await using api = await serve(events.map(frame).join(''));
    expect(await sentBack(api.client)).toBe(
      JSON.stringify({ role: 'assistant', content: [expected] }),
    );
  });
});

// Recorded traffic is nobody's to publish here, so it is played where somebody has some: a folder
// with one folder for each exchange, which holds `response.sse` or `response.json`.
const folder = process.env['PLAIT_RECORDINGS'];

describe.skipIf(folder === undefined)('recorded traffic goes back as it came:', () => {
  test.each(folder === undefined ? [] : successes(folder))('%s', async (_name, sse) => {
    await using api = await serve(sse);
    // The SDK's own reading of the same bytes; it cannot read a stream that was begun anew.
    await using lastTry = await serve(sse.slice(sse.lastIndexOf('event: message_start')));
    const read = await lastTry.client.beta.messages
      .stream({ ...SPEC, messages: [QUESTION] })
      .finalMessage();
    const content = (JSON.parse(JSON.stringify(read.content)) as ReplyBlock[]).filter(
      (block) => block.type !== 'text' || block.text.trim() !== '',
    );
    // Nothing is kept of a refusal. A call that was cut off with its reply is left out.
    const cut = read.stop_reason === 'max_tokens' && content.at(-1)?.type === 'tool_use';
    const kept = read.stop_reason === 'refusal' ? [] : cut ? content.slice(0, -1) : content;
    const sent = await sentBack(api.client);
    expect(sent === undefined ? [] : JSON.parse(sent)).toEqual(
      kept.length === 0 ? [] : { role: 'assistant', content: kept },
    );
  });
});

function successes(root: string): [string, string][] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }): [string, string][] => {
      const [stream, whole] = ['response.sse', 'response.json'].map((file) =>
        join(root, name, file),
      ) as [string, string];
      if (existsSync(stream)) {
        const sse = readFileSync(stream, 'utf8');
        return sse.includes('event: message_stop') ? [[name, sse]] : [];
      }
      if (!existsSync(whole)) return [];
      const message = JSON.parse(readFileSync(whole, 'utf8')) as Message;
      // Only a message has a stream.
      return message.type === 'message' ? [[name, messageEvents(message).map(frame).join('')]] : [];
    });
}

import type { MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import type { Message } from '@anthropic-ai/sdk/resources/messages';
import { expect, test } from 'vitest';
import { say } from '../../testing/replies.ts';
import { rejection, start } from './messages-server-fixture.ts';

/** A rule, a request that breaks it, and what the API says to that. */
export type Row = readonly [rule: string, body: object, message: string];

/** What the SDK throws for a request. */
export async function refused(body: object): Promise<Error> {
  const { client } = await start(() => say('Not refused'));
  const request = body as MessageCreateParamsNonStreaming;
  return await rejection(client.messages.create(request, { timeout: 5_000 }));
}

/** What the SDK gives for a request. */
export async function taken(body: object): Promise<Message> {
  const { client } = await start(() => say('Taken'));
  return await client.messages.create(body as MessageCreateParamsNonStreaming);
}

export const invalidRequest = (message: string) => ({
  status: 400,
  type: 'invalid_request_error',
  apiMessage: message,
});

/** A test for each rule. */
export function testRules(rules: readonly Row[]): void {
  test.for(rules)('%s', async ([, body, message]) => {
    expect(await refused(body)).toMatchObject(invalidRequest(message));
  });
}

/** A test for each request that breaks no rule. */
export function testTaken(requests: readonly (readonly [why: string, body: object])[]): void {
  test.for(requests)('%s', async ([, body]) => {
    expect(await taken(body)).toMatchObject({ content: [{ text: 'Taken' }] });
  });
}

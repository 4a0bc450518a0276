import { expect, test } from 'vitest';
import type { Route } from '../../web/route.ts';
import { routeOf } from '../../web/route.ts';

test.each<[string, string, Route | undefined]>([
  ['POST', '/api/chat', { type: 'send' }],
  ['POST', '/', { type: 'send' }],
  ['POST', '/api/chat/decisions', { type: 'decide' }],
  ['GET', '/api/chat/c%201/stream', { type: 'follow chat', chatId: 'c 1' }],
  ['GET', '/api/chat/turns/t%2F1/stream', { type: 'follow turn', turnId: 't/1' }],
  ['GET', '/api/chat/c1/messages', { type: 'read chat', chatId: 'c1' }],
  ['GET', '/api/chat/c1/approvals', { type: 'read approvals', chatId: 'c1' }],
  ['DELETE', '/api/chat/c1/stream', { type: 'stop chat', chatId: 'c1' }],
  ['GET', '/api/chat', undefined],
  ['GET', '/stream', undefined],
  ['GET', '/api/chat//stream', undefined],
  ['GET', '/api/chat/%E0%A4/stream', undefined],
  ['PUT', '/api/chat/c1/stream', undefined],
])('%s %s', (method, path, route) => {
  expect(routeOf(method, path)).toEqual(route);
});

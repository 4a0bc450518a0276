/** What a request asks for. */
export type Route =
  | { type: 'send' }
  | { type: 'decide' }
  | { type: 'follow chat' | 'read chat' | 'read approvals' | 'stop chat'; chatId: string }
  | { type: 'follow turn'; turnId: string };

/** What a request asks for, by the end of its path: the handler does not know where it is mounted. */
export function routeOf(method: string, pathname: string): Route | undefined {
  const [place = '', id = '', last = ''] = pathname.split('/').slice(-3);
  const name = decoded(id);
  switch (`${method} ${last}`) {
    case 'GET stream':
      if (name === undefined) return undefined;
      return place === 'turns'
        ? { type: 'follow turn', turnId: name }
        : { type: 'follow chat', chatId: name };
    case 'GET messages':
      return name === undefined ? undefined : { type: 'read chat', chatId: name };
    case 'GET approvals':
      return name === undefined ? undefined : { type: 'read approvals', chatId: name };
    case 'DELETE stream':
      return name === undefined ? undefined : { type: 'stop chat', chatId: name };
    case 'POST decisions':
      return { type: 'decide' };
    default:
      return method === 'POST' ? { type: 'send' } : undefined;
  }
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part) || undefined;
  } catch {
    return undefined;
  }
}

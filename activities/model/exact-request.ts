import { randomUUID } from 'node:crypto';
import type { ClientOptions } from '@anthropic-ai/sdk';
import { EXACT_FIELD, trustedTexts } from '../../core/conversation/exact-json.ts';
import type { InputBlock, Message } from '../../core/conversation/messages.ts';
import type { ModelClient } from './client.ts';

// What JavaScript cannot hold goes into a request as the text that the model wrote. The SDK takes values, not
// JSON, so marks stand in for the texts until the SDK has made the body.

type Middleware = NonNullable<ClientOptions['middleware']>[number];
type Request = Parameters<Parameters<Middleware>[1]>[0];

export interface ExactMessages {
  /** Without Plait's own field, and with marks. */
  messages: Message[];
  marks: Marks;
}

interface Marks {
  /** How every mark begins. */
  prefix: string;
  /** What the marks stand for, by their numbers. */
  texts: readonly string[];
}

/** The messages as they are given to the SDK. Most have nothing to mark, and stay as they are. */
export function markExactTexts(messages: readonly Message[]): ExactMessages {
  // No message can hold this prefix by chance or by intent: it is new with every request.
  const prefix = `plait.${randomUUID()}.`;
  const texts: string[] = [];
  const marked = (block: InputBlock): InputBlock => {
    if (!(EXACT_FIELD in block)) return block;
    const { [EXACT_FIELD]: _, ...rest } = block;
    const marks = trustedTexts(block).map(([field, text]) => [
      field,
      `${prefix}${texts.push(text) - 1}`,
    ]);
    return { ...rest, ...Object.fromEntries(marks) } as InputBlock;
  };
  return {
    messages: messages.map((message) =>
      typeof message.content === 'string' || !message.content.some((one) => EXACT_FIELD in one)
        ? message
        : ({ ...message, content: message.content.map(marked) } as Message),
    ),
    marks: { prefix, texts },
  };
}

/** Puts the texts into the body that the SDK has made. */
export function sendExactTexts(client: ModelClient, { prefix, texts }: Marks): Middleware[] {
  if (texts.length === 0) return [];
  const mark = new RegExp(`"${prefix.replaceAll('.', '\\.')}(\\d+)"`, 'g');
  const fill = (body: string) => body.replace(mark, (_, number) => texts[Number(number)] as string);
  return [
    async (request, next, context) => {
      const { body } = request;
      if (typeof body !== 'string') return await next(request);
      const wire = await wireRequest(client, request, context);
      // This client sends and signs the body as it is.
      if (wire === undefined || wire.body === body) {
        return await next({ ...request, body: fill(body) });
      }
      // This client (Bedrock, Vertex) parses the body and writes it anew, which would lose the numbers again.
      // It leaves bytes alone and signs them, if the URL is already the platform's.
      const headers = new Headers(request.headers);
      for (const name of headers.keys()) {
        if (!new Headers(wire.headers).has(name)) headers.delete(name);
      }
      const bytes = new TextEncoder().encode(fill(wire.body as string));
      return await next({ ...request, url: wire.url, headers, body: bytes });
    },
  ];
}

/** Clients for other platforms change requests here, right before they send them. */
interface WithBackend {
  backendMiddleware?: () => readonly Middleware[];
}

/** The request as the client would send it. Nothing is sent. */
async function wireRequest(
  client: ModelClient,
  request: Request,
  context: Parameters<Middleware>[2],
): Promise<Request | undefined> {
  const backend = (client as WithBackend).backendMiddleware?.() ?? [];
  if (backend.length === 0) return undefined;
  let wire: Request | undefined;
  const catchIt = (changed: Request) => {
    wire = changed;
    return Promise.resolve(new Response());
  };
  const send = backend.reduceRight<(changed: Request) => Promise<Response>>(
    (next, middleware) => async (changed) => await middleware(changed, next, context),
    catchIt,
  );
  await send(request);
  return wire;
}

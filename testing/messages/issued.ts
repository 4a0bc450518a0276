import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';
import { canonicalTools } from './canonical.ts';
import type { ServedMessage } from './reply.ts';

/** What a server remembers of its replies, to check the requests that follow them. */
export class Issued {
  readonly #containers = new Map<string, string>();
  readonly #tools = new Map<string, string>();

  remember({ content, container }: ServedMessage, body: MessageCreateParams): void {
    if (container !== null) this.#containers.set(container.id, container.expires_at);
    const answered = new Set(
      content.flatMap((block) => ('tool_use_id' in block ? block.tool_use_id : [])),
    );
    for (const block of content) {
      if (block.type !== 'server_tool_use' || answered.has(block.id)) continue;
      this.#tools.set(block.id, canonicalTools({ ...body }));
    }
  }

  /** When a sandbox expires, in ISO 8601; `undefined` for one that this server did not issue. */
  expiryOf(container: string): string | undefined {
    return this.#containers.get(container);
  }

  /** The tools of the request whose reply left this call of the API's own tools without a result. */
  toolsOf(serverToolUse: string): string | undefined {
    return this.#tools.get(serverToolUse);
  }
}

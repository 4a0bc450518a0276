import type { Message } from '../conversation/messages.ts';
import { blocksOf } from '../conversation/messages.ts';
import { toolCalls } from '../conversation/toolsets.ts';
import type { CallContent } from './content.ts';
import { callContent } from './content.ts';

/** Of some calls: what the model has written, and what it was given for it. */
export class CallsSaid {
  private readonly wanted: ReadonlySet<string>;
  private readonly inputs = new Map<string, unknown>();
  /** As they stand in the conversation. */
  private readonly answers = new Map<string, Content>();
  /** As the tools have returned them. */
  private readonly returned = new Map<string, Content>();

  /** @param ids of the calls */
  constructor(ids: Iterable<string>) {
    this.wanted = new Set(ids);
  }

  addReply(content: readonly { type: string }[]): void {
    for (const { id, input } of toolCalls(content)) {
      if (this.wanted.has(id)) this.inputs.set(id, input);
    }
  }

  /** What an activity was given. It counts where an earlier run of the turn has the reply. */
  addStarted(id: string, input: unknown): void {
    if (!this.inputs.has(id)) this.inputs.set(id, input);
  }

  /** Messages that the model was given. */
  addMessages(messages: readonly Message[]): void {
    for (const block of messages.flatMap(blocksOf)) {
      if (block.type !== 'tool_result') continue;
      const { tool_use_id: id, content = '' } = block;
      // Of a call that goes on in the background, it is that it does.
      if (this.wanted.has(id)) this.answers.set(id, content);
    }
  }

  /** What an activity has returned. It counts where the model was not given anything yet. */
  addReturned(id: string, content: Content): void {
    this.returned.set(id, content);
  }

  has(id: string): boolean {
    return this.wanted.has(id);
  }

  /** Of each call of which something is known. */
  *contents(): Generator<[id: string, content: CallContent]> {
    for (const id of this.wanted) {
      const result = this.answers.get(id) ?? this.returned.get(id);
      if (!this.inputs.has(id) && result === undefined) continue;
      yield [id, callContent(this.inputs.get(id), result)];
    }
  }
}

type Content = string | readonly object[];

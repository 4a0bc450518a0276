import type { Message } from '../conversation/messages.ts';
import { blocksOf } from '../conversation/messages.ts';
import { toolCalls } from '../conversation/toolsets.ts';
import type { CallContent } from './content.ts';
import { callContent } from './content.ts';

/** For some calls: what the model has written, and what it got as the result. */
export class CallsSaid {
  private readonly wanted: ReadonlySet<string>;
  private readonly inputs = new Map<string, unknown>();
  /** Results as they are in the conversation. */
  private readonly answers = new Map<string, Content>();
  /** Results as the tools returned them. */
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

  /** The input of an activity. Used if the reply is in an earlier run of the turn. */
  addStarted(id: string, input: unknown): void {
    if (!this.inputs.has(id)) this.inputs.set(id, input);
  }

  /** Messages that the model got. */
  addMessages(messages: readonly Message[]): void {
    for (const block of messages.flatMap(blocksOf)) {
      if (block.type !== 'tool_result') continue;
      const { tool_use_id: id, content = '' } = block;
      // For a call in the background this only says that it goes on.
      if (this.wanted.has(id)) this.answers.set(id, content);
    }
  }

  /** The result of an activity. Used if the model has not got a result yet. */
  addReturned(id: string, content: Content): void {
    this.returned.set(id, content);
  }

  has(id: string): boolean {
    return this.wanted.has(id);
  }

  /** The calls of which something is known. */
  *contents(): Generator<[id: string, content: CallContent]> {
    for (const id of this.wanted) {
      const result = this.answers.get(id) ?? this.returned.get(id);
      if (!this.inputs.has(id) && result === undefined) continue;
      yield [id, callContent(this.inputs.get(id), result)];
    }
  }
}

type Content = string | readonly object[];

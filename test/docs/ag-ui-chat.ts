import type { HttpAgentConfig, Message } from '@ag-ui/client';
import { HttpAgent } from '@ag-ui/client';

interface Page {
  /** Called with all messages, whenever one of them has changed. */
  show: (messages: readonly Message[]) => void;
  /** Asks a person. */
  decide: (question: string) => Promise<boolean>;
}

export function openChat(config: HttpAgentConfig, { show, decide }: Page) {
  const agent = new HttpAgent(config); // { url: '/api/chat', threadId: 'order-7' }
  agent.subscribe({ onMessagesChanged: ({ messages }) => show(messages) });

  async function run() {
    await agent.runAgent();
    // Each run ends when only a person can continue the turn.
    while (agent.pendingInterrupts.length > 0) {
      const decisions = agent.pendingInterrupts.map(async ({ id, message = '' }) => ({
        interruptId: id,
        status: 'resolved' as const,
        payload: { approved: await decide(message) },
      }));
      await agent.runAgent({ resume: await Promise.all(decisions) });
    }
  }
  return {
    /** What was said, and the turn that runs. Call it when the page is loaded. */
    load: run,
    async send(text: string) {
      agent.addMessage({ id: crypto.randomUUID(), role: 'user', content: text });
      await run();
    },
  };
}

import { useChat } from '@ai-sdk/react';
import type { DynamicToolUIPart, UIMessage } from 'ai';
import { lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai';
import type { Container } from 'react-dom/client';
import { createRoot } from 'react-dom/client';

/** Shows a chat. `messages` is what was said before. */
export function showChat(place: Container, id: string, messages: UIMessage[]): void {
  createRoot(place).render(<Chat id={id} messages={messages} />);
}

type Decide = (approvalId: string, approved: boolean) => void;

function Chat({ id, messages: before }: { id: string; messages: UIMessage[] }) {
  const { messages, sendMessage, addToolApprovalResponse, status, error } = useChat({
    id,
    messages: before,
    resume: true, // a running turn continues when the page is loaded
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  const isBusy = status === 'submitted' || status === 'streaming';
  const decide: Decide = (approvalId, approved) =>
    void addToolApprovalResponse({ id: approvalId, approved });

  return (
    <>
      <header>
        <h1>Shop assistant</h1>
        <a href="/">New chat</a>
      </header>
      <main role="log" aria-label="Chat" aria-busy={isBusy}>
        <div>
          {messages.length === 0 && <p className="hint">Ask about an order, such as A-17.</p>}
          {messages.map((message) => (
            <Message key={message.id} message={message} decide={decide} />
          ))}
          {status === 'submitted' && <p className="hint">Thinking …</p>}
          {error && <p role="alert">{error.message}</p>}
        </div>
      </main>
      <form action={(form) => void sendMessage({ text: form.get('text') as string })}>
        <label htmlFor="text">Message</label>
        <input
          id="text"
          name="text"
          placeholder="Can A-17 have the money back?"
          autoComplete="off"
          required
          disabled={isBusy}
        />
        <button disabled={isBusy}>Send</button>
        {isBusy && (
          <button
            type="button"
            className="quiet"
            onClick={() => void fetch(`/api/chat/${id}/stream`, { method: 'DELETE' })}
          >
            Stop
          </button>
        )}
      </form>
    </>
  );
}

function Message({ message, decide }: { message: UIMessage; decide: Decide }) {
  const isMine = message.role === 'user';
  return (
    <article className={message.role} aria-label={isMine ? 'You' : 'Assistant'}>
      {message.parts.map((part, key) => {
        if (part.type === 'text') return <p key={key}>{part.text}</p>;
        return part.type === 'dynamic-tool' ? <Call key={key} call={part} decide={decide} /> : null;
      })}
    </article>
  );
}

const STATES: Record<DynamicToolUIPart['state'], string> = {
  'input-streaming': 'is being written',
  'input-available': 'runs',
  'approval-requested': 'waits for you',
  'approval-responded': 'runs',
  'output-available': 'done',
  'output-denied': 'denied',
  'output-error': 'failed',
};

function Call({ call, decide }: { call: DynamicToolUIPart; decide: Decide }) {
  const { toolName, state, input } = call;
  return (
    <section className={`call ${state}`} aria-label={`Call of ${toolName}`}>
      <header>
        <strong>{toolName.replaceAll('_', ' ')}</strong>{' '}
        <span className="state">{STATES[state]}</span>
      </header>
      <Fields of={input} />
      {state === 'output-available' && <Fields of={call.output} />}
      {state === 'output-error' && <p>{call.errorText}</p>}
      {state === 'approval-requested' && (
        <footer>
          <button onClick={() => decide(call.approval.id, true)}>Approve</button>
          <button className="quiet" onClick={() => decide(call.approval.id, false)}>
            Deny
          </button>
        </footer>
      )}
    </section>
  );
}

/** What a call was given, or what it returned. */
function Fields({ of: value }: { of: unknown }) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return <p>{value}</p>;
  const fields = Object.entries(value);
  if (fields.length === 0) return null;
  return (
    <dl>
      {fields.map(([name, field]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof field === 'string' ? field : JSON.stringify(field)}</dd>
        </div>
      ))}
    </dl>
  );
}

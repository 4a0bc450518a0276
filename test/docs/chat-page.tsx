import { useChat } from '@ai-sdk/react';
import type { UIMessage } from 'ai';
import { lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai';

export function ChatPage({ id, messages: before }: { id: string; messages: UIMessage[] }) {
  const { messages, sendMessage, addToolApprovalResponse, status, error } = useChat({
    id,
    messages: before,
    resume: true, // a running turn continues when the page is loaded
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });

  const shown = (part: UIMessage['parts'][number], key: number) => {
    if (part.type === 'text') return <p key={key}>{part.text}</p>;
    if (part.type !== 'dynamic-tool') return null;
    const call = `${part.toolName} ${JSON.stringify(part.input)}`;
    if (part.state !== 'approval-requested') return <p key={key}>{`${call}: ${part.state}`}</p>;
    const decide = (approved: boolean) =>
      void addToolApprovalResponse({ id: part.approval.id, approved });
    return (
      <p key={key}>
        {call} <button onClick={() => decide(true)}>Approve</button>
        <button onClick={() => decide(false)}>Deny</button>
      </p>
    );
  };

  return (
    <main>
      {messages.map(({ id, role, parts }) => (
        <section key={id} className={role} children={parts.map(shown)} />
      ))}
      {error && <p role="alert">{error.message}</p>}
      <form action={(form) => void sendMessage({ text: form.get('text') as string })}>
        <input name="text" required disabled={status === 'submitted' || status === 'streaming'} />
      </form>
    </main>
  );
}

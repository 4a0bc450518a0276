import type { MessageChunk } from './chunk.ts';
import { approvalIdOf } from './approval-id.ts';
import type { Draft } from './draft.ts';
import { NO_ANSWER, undecided } from './draft.ts';
import type { ChatMessage } from './ui-messages.ts';

// Turns the chunks of `draft.ts` into AG-UI 1.0. Its types are defined here, so that servers need no package
// for it. https://docs.ag-ui.com/concepts/events

/** A run of the front end: it shows a turn, or the rest of one. */
export interface RunIds {
  threadId: string;
  runId: string;
}

/** A message of AG-UI, with the fields that a turn needs. Those that a front end sends have more. */
export type AgUiMessage =
  | { id: string; role: 'user'; content: string | AgUiPart[] }
  | { id: string; role: 'assistant'; content?: string; toolCalls?: AgUiCall[] }
  | { id: string; role: 'reasoning'; content: string }
  | { id: string; role: 'tool'; toolCallId: string; content: string };

type AgUiPart =
  | { type: 'text'; text: string }
  | { type: 'image' | 'document'; source: { type: 'data'; value: string; mimeType: string } };

interface AgUiCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

interface Interrupt {
  id: string;
  reason: 'tool_call';
  message: string;
  toolCallId: string;
  responseSchema: object;
}

type Outcome =
  | { type: 'success' }
  | { type: 'cancelled' }
  | { type: 'interrupt'; interrupts: Interrupt[] };

export type AgUiEvent =
  | (RunIds & { type: 'RUN_STARTED' })
  | (RunIds & { type: 'RUN_FINISHED'; outcome: Outcome; result?: { stopReason: string } })
  | { type: 'RUN_ERROR'; message: string; code?: string }
  | { type: 'STEP_STARTED' | 'STEP_FINISHED'; stepName: string }
  | { type: 'TEXT_MESSAGE_START'; messageId: string; role: 'assistant' }
  | { type: 'REASONING_MESSAGE_START'; messageId: string; role: 'reasoning' }
  | { type: 'TEXT_MESSAGE_CONTENT' | 'REASONING_MESSAGE_CONTENT'; messageId: string; delta: string }
  | {
      type: 'TEXT_MESSAGE_END' | 'REASONING_START' | 'REASONING_MESSAGE_END' | 'REASONING_END';
      messageId: string;
    }
  | {
      type: 'TOOL_CALL_START';
      toolCallId: string;
      toolCallName: string;
      parentMessageId: string;
    }
  | { type: 'TOOL_CALL_ARGS'; toolCallId: string; delta: string }
  | { type: 'TOOL_CALL_END'; toolCallId: string }
  | {
      type: 'TOOL_CALL_RESULT';
      messageId: string;
      toolCallId: string;
      content: string;
      role: 'tool';
    }
  | { type: 'MESSAGES_SNAPSHOT'; messages: AgUiMessage[] };

/** The state of a run. */
export interface AgUiRun extends RunIds {
  /** What the front end has of the conversation before the newest step. */
  readonly kept: readonly AgUiMessage[];
  /** What it has of that step. */
  readonly current: readonly AgUiMessage[];
  /** The name of the step, while it is open. */
  readonly step: string | undefined;
  /** The ids of the thoughts in this attempt at the step, newest last. */
  readonly thoughts: readonly string[];
  readonly isOver: boolean;
}

export interface AgUiStep {
  run: AgUiRun;
  events: AgUiEvent[];
}

/** The beginning of a run. `messages` is what the front end has. */
export function runBegun(ids: RunIds, messages: readonly AgUiMessage[]): AgUiStep {
  const { threadId, runId } = ids;
  const still = { current: [], step: undefined, thoughts: [], isOver: false };
  const run = { threadId, runId, kept: messages, ...still };
  return { run, events: [{ type: 'RUN_STARTED', threadId, runId }] };
}

/** Everything that was said, for a front end that has nothing. */
export function runWith(run: AgUiRun, messages: AgUiMessage[]): AgUiStep {
  return { run: { ...run, kept: messages }, events: [{ type: 'MESSAGES_SNAPSHOT', messages }] };
}

/** The end of a run without a turn to show. */
export function runEnded(run: AgUiRun): AgUiStep {
  return over(run, finished(run, { type: 'success' }));
}

/**
 * The AG-UI events for a chunk. A call is sent when its reply is whole: a call that was started and has no
 * result is for a front end to run.
 *
 * @param draft what the page has after this chunk
 */
export function runEvents(run: AgUiRun, chunk: MessageChunk, draft: Draft): AgUiStep {
  switch (chunk.type) {
    case 'start':
    case 'tool-input-start':
    case 'tool-input-error':
    case 'tool-approval-request':
    case 'tool-approval-response':
      return { run, events: [] };
    case 'start-step': {
      const stepName = `round ${draft.round}`;
      const { kept, current } = run;
      return {
        run: { ...run, kept: [...kept, ...current], current: [], step: stepName, thoughts: [] },
        events: [...stepEnd(run), { type: 'STEP_STARTED', stepName }],
      };
    }
    case 'finish-step':
      return { run: { ...run, step: undefined }, events: stepEnd(run) };
    case 'reset-step':
      return torn(run);
    case 'text-start': {
      const messageId = pieceId(draft, chunk.id);
      return withMessage(run, { id: messageId, role: 'assistant', content: '' }, [
        { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' },
      ]);
    }
    case 'reasoning-start':
      return thinking(run, draft);
    case 'text-delta':
    case 'reasoning-delta': {
      const { id, delta } = chunk;
      const content =
        chunk.type === 'text-delta'
          ? ({ type: 'TEXT_MESSAGE_CONTENT', messageId: pieceId(draft, id) } as const)
          : ({ type: 'REASONING_MESSAGE_CONTENT', messageId: thoughtOf(run) } as const);
      return { run: grown(run, content.messageId, delta), events: [{ ...content, delta }] };
    }
    case 'text-end':
      return { run, events: [{ type: 'TEXT_MESSAGE_END', messageId: pieceId(draft, chunk.id) }] };
    case 'reasoning-end': {
      const messageId = thoughtOf(run);
      const types = ['REASONING_MESSAGE_END', 'REASONING_END'] as const;
      return { run, events: types.map((type) => ({ type, messageId })) };
    }
    case 'tool-input-available':
      return called(run, chunk, draft);
    case 'tool-output-available': {
      const { output } = chunk;
      const content =
        typeof output === 'string' ? output : output === null ? '' : JSON.stringify(output);
      return answered(run, chunk.toolCallId, content);
    }
    case 'tool-output-error':
      return answered(run, chunk.toolCallId, chunk.errorText);
    case 'tool-output-denied':
      return answered(run, chunk.toolCallId, 'The call was denied.');
    case 'error':
      return over(run, { type: 'RUN_ERROR', message: chunk.errorText });
    case 'finish':
      return ended(run, chunk, draft);
  }
}

function pieceId({ turnId }: Draft, id: string): string {
  return `${turnId}/${id}`;
}

/**
 * Thoughts are counted instead of named by their place in the reply: in another attempt a text may have that
 * place. If a torn attempt has left one without its text, that is the first.
 */
function thinking(run: AgUiRun, draft: Draft): AgUiStep {
  const messageId = pieceId(draft, `${draft.round}.thought-${run.thoughts.length}`);
  const begun = { ...run, thoughts: [...run.thoughts, messageId] };
  const events: AgUiEvent[] = [
    { type: 'REASONING_START', messageId },
    { type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' },
  ];
  return run.current.some(({ id }) => id === messageId)
    ? { run: begun, events }
    : withMessage(begun, { id: messageId, role: 'reasoning', content: '' }, events);
}

/** The id of the growing thought. */
function thoughtOf({ thoughts }: AgUiRun): string {
  return thoughts.at(-1) ?? '';
}

function stepEnd({ step }: AgUiRun): AgUiEvent[] {
  return step === undefined ? [] : [{ type: 'STEP_FINISHED', stepName: step }];
}

function withMessage(run: AgUiRun, message: AgUiMessage, events: AgUiEvent[]): AgUiStep {
  return { run: { ...run, current: [...run.current, message] }, events };
}

function grown(run: AgUiRun, messageId: string, delta: string): AgUiRun {
  const current = run.current.map((message) =>
    message.id === messageId && (message.role === 'assistant' || message.role === 'reasoning')
      ? { ...message, content: (message.content ?? '') + delta }
      : message,
  );
  return { ...run, current };
}

/**
 * Only a snapshot removes the beginning of a reply. Front ends keep thinking that is missing from a snapshot,
 * unless it contains some: so it contains the first thought without its text, and the next attempt continues
 * there. Results in it belong to calls in the background.
 */
function torn(run: AgUiRun): AgUiStep {
  const [first] = run.thoughts;
  const current = run.current.flatMap((message): AgUiMessage[] => {
    if (message.role === 'reasoning' && message.id === first) return [{ ...message, content: '' }];
    return message.role === 'tool' ? [message] : [];
  });
  return {
    run: { ...run, current, thoughts: [] },
    events: [{ type: 'MESSAGES_SNAPSHOT', messages: [...run.kept, ...current] }],
  };
}

type Called = Extract<MessageChunk, { type: 'tool-input-available' }>;

/** A call belongs to the text before it, if its reply has one. */
function called(run: AgUiRun, { toolCallId, toolName, input }: Called, draft: Draft): AgUiStep {
  const text = JSON.stringify(input);
  const call: AgUiCall = {
    id: toolCallId,
    type: 'function',
    function: { name: toolName, arguments: text },
  };
  const index = run.current.findLastIndex(({ role }) => role === 'assistant');
  const parent = run.current[index];
  const message: AgUiMessage =
    parent?.role === 'assistant'
      ? { ...parent, toolCalls: [...(parent.toolCalls ?? []), call] }
      : { id: pieceId(draft, `${draft.round}.calls`), role: 'assistant', toolCalls: [call] };
  return {
    run: {
      ...run,
      current: parent === undefined ? [...run.current, message] : run.current.with(index, message),
    },
    events: [
      { type: 'TOOL_CALL_START', toolCallId, toolCallName: toolName, parentMessageId: message.id },
      { type: 'TOOL_CALL_ARGS', toolCallId, delta: text },
      { type: 'TOOL_CALL_END', toolCallId },
    ],
  };
}

/** Sends a result once: a returning front end already has some, and would show a second one. */
function answered(run: AgUiRun, toolCallId: string, content: string): AgUiStep {
  const has = (messages: readonly AgUiMessage[]) =>
    messages.some((one) => one.role === 'tool' && one.toolCallId === toolCallId);
  if (has(run.kept) || has(run.current)) return { run, events: [] };
  const messageId = `result-${toolCallId}`;
  return withMessage(run, { id: messageId, role: 'tool', toolCallId, content }, [
    { type: 'TOOL_CALL_RESULT', messageId, toolCallId, content, role: 'tool' },
  ]);
}

type Finish = Extract<MessageChunk, { type: 'finish' }>;

function ended(run: AgUiRun, { finishReason, messageMetadata }: Finish, draft: Draft): AgUiStep {
  if (run.isOver) return { run, events: [] };
  const { stopReason } = messageMetadata ?? {};
  if (finishReason === 'tool-calls') {
    const interrupts = undecided(draft).map((callId) => interruptOf(draft, callId));
    return over(run, finished(run, { type: 'interrupt', interrupts }));
  }
  if (finishReason === 'error') {
    const code = stopReason === undefined ? {} : { code: stopReason };
    return over(run, { type: 'RUN_ERROR', message: NO_ANSWER, ...code });
  }
  const outcome = { type: stopReason === 'cancelled' ? 'cancelled' : 'success' } as const;
  return over(run, {
    ...finished(run, outcome),
    ...(stopReason === undefined ? {} : { result: { stopReason } }),
  });
}

function finished({ threadId, runId }: AgUiRun, outcome: Outcome) {
  return { type: 'RUN_FINISHED', threadId, runId, outcome } as const;
}

function over(run: AgUiRun, event: AgUiEvent): AgUiStep {
  return { run: { ...run, step: undefined, isOver: true }, events: [...stepEnd(run), event] };
}

const DECISION = {
  type: 'object',
  properties: { approved: { type: 'boolean' }, reason: { type: 'string' } },
  required: ['approved'],
};

function interruptOf({ turnId, round, calls }: Draft, callId: string): Interrupt {
  return {
    id: approvalIdOf({ turnId, round, callId }),
    reason: 'tool_call',
    message: `May ${calls.get(callId)?.name ?? 'the tool'} run?`,
    toolCallId: callId,
    responseSchema: DECISION,
  };
}

/**
 * What `chatMessages` returns, as messages of AG-UI. Their ids are places in the conversation: a front end
 * that gets a longer one later keeps those that it has where they are, and appends the others.
 */
export function agUiMessages(messages: readonly ChatMessage[]): AgUiMessage[] {
  return messages.flatMap((message, place): AgUiMessage[] => {
    const id = `said-${place}`;
    if (message.role === 'user') return [{ id, role: 'user', content: contentOf(message) }];
    return answerOf(message).map((one) => ({ ...one, id: `${id}/${one.id}` }));
  });
}

function contentOf({ parts }: ChatMessage): string | AgUiPart[] {
  const shown = parts.flatMap((part): AgUiPart[] => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }];
    if (part.type !== 'file') return [];
    const type = part.mediaType.startsWith('image/') ? 'image' : 'document';
    const value = part.url.slice(part.url.indexOf(',') + 1);
    return [{ type, source: { type: 'data', value, mimeType: part.mediaType } }];
  });
  const texts = shown.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  return texts.length === shown.length ? texts.join('\n') : shown;
}

/** Runs the chunks that would have made this message, as a run of their own. */
function answerOf({ parts }: ChatMessage): AgUiMessage[] {
  const draft: Draft = {
    turnId: 'answer',
    round: 0,
    isCommitted: true,
    piece: undefined,
    calls: new Map(),
  };
  let { run } = runBegun({ threadId: '', runId: '' }, []);
  let round = 0;
  for (const [i, part] of parts.entries()) {
    if (part.type === 'step-start') round += 1;
    for (const chunk of chunksOf(part, `${round}.${i}`)) {
      ({ run } = runEvents(run, chunk, { ...draft, round }));
    }
  }
  return [...run.kept, ...run.current];
}

function chunksOf(part: ChatMessage['parts'][number], id: string): MessageChunk[] {
  switch (part.type) {
    case 'step-start':
      return [{ type: 'start-step' }];
    case 'text':
    case 'reasoning':
      return [
        { type: `${part.type}-start`, id },
        { type: `${part.type}-delta`, id, delta: part.text },
      ];
    case 'dynamic-tool': {
      const { toolCallId, toolName, input } = part;
      const call = { toolCallId, toolName, input, dynamic: true, providerExecuted: true } as const;
      return [
        { type: 'tool-input-available', ...call },
        part.state === 'output-error'
          ? { type: 'tool-output-error', toolCallId, errorText: part.errorText }
          : { type: 'tool-output-available', toolCallId, output: part.output },
      ];
    }
    case 'file':
      return [];
  }
}

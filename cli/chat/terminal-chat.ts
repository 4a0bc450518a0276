import type { Client } from '@temporalio/client';
import { summarize } from '../../activities/tools/prepare-calls.ts';
import { DecisionRejectedError } from '../../client/errors.ts';
import type { SessionHandle } from '../../client/session-handle.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import { pieceSource } from '../../client/follow/pieces.ts';
import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import { defined } from '../../core/json.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import { explainError } from '../explain-error.ts';
import type { StreamTransport } from '../../transport/stream-transport.ts';
import { drawTree } from '../live-tree.ts';
import type { PartialText } from '../partial-text.ts';
import type { Style } from '../style.ts';
import { cutTo, oneLine, paragraphs, printable, visibleJson, wrap } from '../text.ts';
import { inputLines } from '../waiting-table.ts';
import { CHAT_HELP, readInput } from './chat-input.ts';
import type { ChatView, TurnEnd } from './conversation.ts';
import { Conversation } from './conversation.ts';
import { endLines } from './end-lines.ts';
import { chatFrame } from './frame.ts';
import { saidLines } from './history-lines.ts';
import { deferred } from '../../core/deferred.ts';
import { LineEditor } from './line-editor.ts';
import type { Question, WaitingRequest } from './questions.ts';
import { promptOf, questionKey, readAnswer, requestLines } from './questions.ts';
import { Screen } from './screen.ts';

export interface TerminalChatOptions {
  client: Client;
  session: SessionHandle;
  /** Who decides about calls. */
  by: string;
  /** What the person wrote before, the newest first. */
  said: string[];
  /** The stream transport of the workers. */
  streamTransport?: StreamTransport;
  style: Style;
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
}

const PROMPT = '› ';
const FRAME_MS = 80;
/** A second Ctrl-C within this time leaves. */
const TWICE_MS = 2_000;

/** A chat in a terminal: it prints what was said, and draws the running turn below. */
export class TerminalChat implements ChatView {
  private readonly conversation: Conversation;
  private readonly screen: Screen;
  private readonly editor: LineEditor;
  private readonly style: Style;
  private readonly by: string;
  private readonly left = deferred<void>();
  private turn: TurnSnapshot | undefined;
  private partial: PartialText | undefined;
  private frames: NodeJS.Timeout | undefined;
  /** Messages that the session has not accepted yet. */
  private sending: string[] = [];
  private sends = Promise.resolve();
  private requests: WaitingRequest[] = [];
  private readonly postponed = new Set<string>();
  private question: Question | undefined;
  private away: string | undefined;
  private hint: string | undefined;
  private isDeciding = false;
  private lastPress = Number.NEGATIVE_INFINITY;

  constructor(options: TerminalChatOptions) {
    const { client, session, said, input, output, streamTransport } = options;
    this.style = options.style;
    this.by = options.by;
    const pieces =
      streamTransport === undefined
        ? undefined
        : pieceSource(streamTransport, (message) => this.remark(message));
    this.conversation = new Conversation(client, session, this, pieces);
    this.screen = new Screen(output, (size) =>
      chatFrame(
        {
          turn: this.turn,
          partial: this.partial?.text ?? '',
          waiting: this.waiting,
          status: this.status,
          prompt: this.question === undefined ? PROMPT : promptOf(this.question),
          typed: this.editor.typed,
        },
        { ...size, now: Date.now(), style: this.style },
      ),
    );
    this.editor = new LineEditor(input, said, {
      onText: (text) => this.take(text),
      onChange: () => this.changed(),
      onInterrupt: () => this.interrupt(),
      onEnd: () => this.left.resolve(),
    });
  }

  /** Runs until the person leaves. `opening` is printed first. */
  async run(opening: readonly string[]): Promise<void> {
    this.screen.open();
    this.screen.print(opening);
    try {
      this.follow();
      await this.left.promise;
    } finally {
      clearInterval(this.frames);
      this.conversation.leave();
      this.editor.close();
      this.screen.close();
    }
  }

  onTurn(_turnId: string, text: string | undefined): void {
    this.hint = undefined;
    if (text !== undefined) this.screen.print(['', ...saidLines(text, this.style)]);
    this.frames = setInterval(() => this.screen.draw(), FRAME_MS);
  }

  onSnapshot(snapshot: TurnSnapshot): void {
    this.turn = snapshot;
    this.screen.draw();
  }

  onPartial(partial: PartialText): void {
    this.partial = partial;
  }

  onApprovals(turn: TurnHandle, requests: readonly ApprovalRequest[]): void {
    this.requests = requests.map((request) => ({ turn, request }));
    const asked = this.question?.request;
    if (asked !== undefined && !requests.some((one) => questionKey(one) === questionKey(asked))) {
      this.remark(`${callOf(asked)} no longer waits.`);
      this.ask(undefined);
    }
    this.changed();
  }

  onJoined(text: string): void {
    this.screen.print([
      '',
      ...saidLines(text, this.style),
      this.style.dim('  (read in this turn)'),
    ]);
  }

  onTurnEnd(end: TurnEnd, last: TurnSnapshot | undefined): void {
    clearInterval(this.frames);
    const { columns, style } = { ...this.screen.size, style: this.style };
    const tree = last === undefined ? [] : drawTree(last, { columns, now: Date.now(), style });
    const text = end.type === 'ended' ? printable(end.result.text.trim()) : '';
    this.turn = undefined;
    this.partial = undefined;
    this.requests = [];
    this.hint = undefined;
    if (this.question !== undefined) this.ask(undefined);
    this.screen.print([
      ...(tree.length === 0 ? [] : ['', ...tree]),
      ...(text === '' ? [] : ['', ...paragraphs(text, columns)]),
      '',
      ...endLines(end, last, style),
    ]);
    this.changed();
  }

  onWaiting(reason: string | undefined): void {
    this.away = reason;
    this.screen.draw();
  }

  private get waiting(): string[] {
    const { turn, waiting } = this.conversation;
    const accepted = waiting.map(({ text, joins }) => {
      const steers = joins !== undefined && joins === turn?.turnId;
      return `${steers ? 'steering' : 'waiting'}: ${text}`;
    });
    return [...accepted, ...this.sending.map((text) => `sending: ${text}`)];
  }

  private get status(): string | undefined {
    const open = this.requests.length;
    const calls = open === 1 ? '1 call waits for you' : `${open} calls wait for you`;
    const how = this.editor.isEmpty
      ? 'Type /approvals to decide.'
      : 'Finish or clear your line first.';
    const forDecision = open === 0 || this.question !== undefined ? undefined : `${calls}. ${how}`;
    return this.away ?? this.hint ?? forDecision;
  }

  /** Asks about a call that waits, unless the person is typing. */
  private changed(): void {
    if (this.question === undefined && this.editor.isEmpty && !this.isDeciding) {
      const next = this.requests.find(({ request }) => !this.postponed.has(questionKey(request)));
      if (next !== undefined) {
        this.screen.print(['', ...requestLines(next, this.style)]);
        this.ask({ ...next, step: 'decide' });
      }
    }
    this.screen.draw();
  }

  private ask(question: Question | undefined): void {
    this.question = question;
    this.editor.remembers = question === undefined;
    const input = question?.step === 'edit' ? visibleJson(question.request.input) : '';
    this.editor.set(input);
  }

  private take(typed: string): void {
    this.hint = undefined;
    if (this.question !== undefined) void this.answer(this.question, typed).catch(this.fail);
    else this.obey(typed);
    this.changed();
  }

  private async answer(question: Question, typed: string): Promise<void> {
    const { turn, request } = question;
    const { callId } = request;
    const answer = readAnswer(question, typed);
    const about = { by: this.by, ...defined({ question: request.question?.number }) };
    switch (answer.type) {
      case 'ask':
        this.hint = answer.problem;
        return this.ask({ turn, request, step: answer.step, ...defined({ form: answer.form }) });
      case 'later':
        this.postponed.add(questionKey(request));
        return this.ask(undefined);
      case 'approve': {
        const { input } = answer;
        if (request.question !== undefined) {
          return await this.decide(question, 'Answered', () =>
            turn.approve(callId, { ...about, ...defined({ answer: answer.answer }) }),
          );
        }
        // Show the approved input, which runs, and not what the model asked for.
        const approved = input === undefined ? request : { ...request, input };
        const edited = input === undefined ? [] : inputLines(input);
        return await this.decide(
          { ...question, request: approved },
          'Approved',
          () => turn.approve(callId, { by: this.by, ...defined({ input }) }),
          edited,
        );
      }
      case 'deny': {
        const { reason } = answer;
        const done = request.question === undefined ? 'Denied' : 'Declined to answer';
        return await this.decide(question, done, () =>
          turn.deny(callId, { ...about, ...defined({ reason }) }),
        );
      }
    }
  }

  private async decide(
    { turn, request }: Question,
    done: string,
    decision: () => Promise<void>,
    details: readonly string[] = [],
  ): Promise<void> {
    this.isDeciding = true;
    this.ask(undefined);
    try {
      await this.conversation.whenAvailable(decision);
      const decided = questionKey(request);
      this.requests = this.requests.filter((one) => questionKey(one.request) !== decided);
      this.remark(`${done} ${callOf(request)}, as ${this.by}.`);
      this.screen.print(details);
      // The server may have asked several questions at once.
      if (request.question !== undefined) await this.refresh(turn);
    } catch (error) {
      if (!(error instanceof DecisionRejectedError)) throw error;
      this.remark(`Rejected: ${oneLine(error.reason)}`);
      // The call may still wait for another decision, or somebody else has decided.
      await this.refresh(turn);
    } finally {
      this.isDeciding = false;
      this.changed();
    }
  }

  private async refresh(turn: TurnHandle): Promise<void> {
    const open = await turn.approvals();
    this.requests = open.map((request) => ({ turn, request }));
  }

  private obey(typed: string): void {
    const input = readInput(typed);
    switch (input.type) {
      case 'nothing':
        return;
      case 'send':
        return this.queue(input.text);
      case 'steer':
        return this.queue(input.text, 'steer');
      case 'wrong':
        return this.remark(input.message);
      case 'help':
        return this.screen.print(['', ...CHAT_HELP]);
      case 'approvals':
        this.postponed.clear();
        return this.requests.length > 0 ? undefined : this.remark('No call waits for approval.');
      case 'close':
        return void this.close().catch(this.fail);
      case 'exit':
        return this.left.resolve();
    }
  }

  /** Sends messages one at a time, so that the session gets them in the order in which they were written. */
  private queue(text: string, whenBusy?: 'steer'): void {
    this.sending.push(text);
    this.sends = this.sends.then(() => this.send(text, whenBusy));
  }

  private async send(text: string, whenBusy?: 'steer'): Promise<void> {
    try {
      await this.conversation.send(text, whenBusy);
    } catch (error) {
      // Put the text back: the person must not lose a rejected message.
      const shown = explainError(error).message ?? String(error);
      this.screen.print(['', ...saidLines(text, this.style)]);
      this.remark(shown, this.style.red);
    } finally {
      this.sending.shift();
    }
    this.follow();
  }

  private async close(): Promise<void> {
    await this.conversation.whenAvailable(() => this.conversation.session.close());
    this.remark('The session is closed: it takes no more messages.');
    await this.conversation.follow();
    this.left.resolve();
  }

  private follow(): void {
    this.conversation.follow().catch(this.fail);
  }

  /** An unexpected error ends the chat. */
  private readonly fail = (error: unknown): void => {
    this.left.reject(error);
  };

  private interrupt(): void {
    const now = Date.now();
    if (now - this.lastPress <= TWICE_MS) return this.left.resolve();
    this.lastPress = now;
    const { turn } = this.conversation;
    if (turn === undefined) {
      this.editor.set('');
      this.hint = 'Press Ctrl-C again to leave.';
    } else {
      this.hint =
        'Interrupting: running calls are cancelled and answered. Press Ctrl-C again to leave.';
      this.conversation.whenAvailable(() => turn.cancel()).catch(this.fail);
    }
    const { hint } = this;
    setTimeout(() => {
      if (this.hint !== hint || turn !== undefined) return;
      this.hint = undefined;
      this.screen.draw();
    }, TWICE_MS).unref();
    this.screen.draw();
  }

  private remark(text: string, paint = this.style.dim): void {
    const lines = wrap(text, this.screen.size.columns - 3);
    this.screen.print(['', ...lines.map((line) => paint(`  ${line}`))]);
  }
}

function callOf({ tool, input }: ApprovalRequest): string {
  return cutTo(oneLine(`${tool}(${summarize(input)})`), 100);
}

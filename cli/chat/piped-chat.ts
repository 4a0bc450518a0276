import { createInterface } from 'node:readline';
import type { Client } from '@temporalio/client';
import type { SessionHandle } from '../../client/session-handle.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { onSignals } from '../run-worker.ts';
import { note, say } from '../say.ts';
import { PLAIN } from '../style.ts';
import { printable } from '../text.ts';
import { turnNews } from '../turn-log.ts';
import type { Told } from '../turn-log.ts';
import { callText } from '../waiting-table.ts';
import { CHAT_HELP, readInput } from './chat-input.ts';
import type { ChatView, TurnEnd } from './conversation.ts';
import { Conversation } from './conversation.ts';
import { endCode, endLines } from './end-lines.ts';
import { createLeave } from './leave.ts';

export interface PipedChatOptions {
  client: Client;
  session: SessionHandle;
  input: NodeJS.ReadableStream;
}

/**
 * A chat without a terminal: a line is a message, and the next is read when it is answered. Answers go
 * to stdout, all else to stderr.
 */
export class PipedChat implements ChatView {
  private readonly conversation: Conversation;
  private readonly input: NodeJS.ReadableStream;
  private told: Told = new Map();
  private exitCode: ExitCode = EXIT_CODES.ok;

  constructor({ client, session, input }: PipedChatOptions) {
    this.conversation = new Conversation(client, session, this);
    this.input = input;
  }

  /** Until the input ends, or two signals. The code is that of the last turn that did not end well. */
  async run(): Promise<ExitCode> {
    const left = createLeave<ExitCode>();
    const stopListening = onSignals(
      () => this.interrupt(left.resolve),
      () => left.resolve(EXIT_CODES.interrupted),
    );
    try {
      return await Promise.race([this.readAll(), left.promise]);
    } finally {
      stopListening();
      this.conversation.leave();
    }
  }

  onTurn(_turnId: string, text: string | undefined): void {
    this.told = new Map();
    if (text !== undefined) note(`› ${printable(text)}`);
  }

  onSnapshot(snapshot: TurnSnapshot): void {
    const { lines, told } = turnNews(snapshot, this.told);
    this.told = told;
    for (const line of lines) note(line);
  }

  onApprovals({ turnId }: TurnHandle, requests: readonly ApprovalRequest[]): void {
    for (const request of requests) {
      note(`${callText(request)} waits: plait approve ${turnId} ${request.callId}, or deny`);
    }
  }

  onJoined(text: string): void {
    note(`› ${printable(text)}\n  (read in this turn)`);
  }

  onTurnEnd(end: TurnEnd, last: TurnSnapshot | undefined): void {
    if (end.type === 'ended' && end.result.text !== '') {
      const { text } = end.result;
      say(process.stdout.isTTY ? printable(text) : text);
    }
    for (const line of endLines(end, last, PLAIN)) note(line);
    const code = endCode(end);
    if (code !== EXIT_CODES.ok) this.exitCode = code;
  }

  onWaiting(reason: string | undefined): void {
    note(reason ?? 'It is back.');
  }

  private async readAll(): Promise<ExitCode> {
    // What runs and waits already comes first.
    await this.conversation.follow();
    const lines = createInterface({ input: this.input });
    for await (const line of lines) if (await this.obey(line)) break;
    return this.exitCode;
  }

  /** Returns whether that was all. */
  private async obey(line: string): Promise<boolean> {
    const input = readInput(line);
    switch (input.type) {
      case 'nothing':
        return false;
      case 'send':
      // With nothing running, there is nothing to steer.
      case 'steer':
        await this.conversation.send(input.text);
        await this.conversation.follow();
        return false;
      case 'wrong':
        note(input.message);
        this.exitCode = EXIT_CODES.wrongInput;
        return false;
      case 'help':
        for (const text of CHAT_HELP) note(text);
        return false;
      case 'approvals':
        note('No call waits for approval.');
        return false;
      case 'close':
        await this.conversation.patiently(() => this.conversation.session.close());
        note('The session is closed: it takes no more messages.');
        return true;
      case 'exit':
        return true;
    }
  }

  private interrupt(leave: (code: ExitCode) => void): void {
    const { turn } = this.conversation;
    if (turn === undefined) return leave(EXIT_CODES.interrupted);
    note('Interrupting the turn: its calls are cancelled and answered. Ctrl-C again leaves.');
    turn.cancel().catch((error: unknown) => note(`It could not be interrupted: ${String(error)}`));
  }
}

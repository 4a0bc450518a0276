import { createInterface } from 'node:readline';
import type { Client } from '@temporalio/client';
import type { SessionHandle } from '../../client/session-handle.ts';
import type { TurnHandle } from '../../client/turn-handle.ts';
import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { onSignals } from '../signals.ts';
import { say, sayAside } from '../say.ts';
import { PLAIN } from '../style.ts';
import { oneLine, printable } from '../text.ts';
import { turnChanges } from '../turn-log.ts';
import type { Logged } from '../turn-log.ts';
import { askerText, callText, inputLines, questionLines } from '../waiting-table.ts';
import { CHAT_HELP, readInput } from './chat-input.ts';
import type { ChatView, TurnEnd } from './conversation.ts';
import { Conversation } from './conversation.ts';
import { endCode, endLines } from './end-lines.ts';
import { deferred } from '../../core/deferred.ts';

export interface PipedChatOptions {
  client: Client;
  session: SessionHandle;
  input: NodeJS.ReadableStream;
}

/**
 * A chat without a terminal: a line is a message, and the next is read when it is answered. Answers go
 * to stdout, everything else to stderr.
 */
export class PipedChat implements ChatView {
  private readonly conversation: Conversation;
  private readonly input: NodeJS.ReadableStream;
  private logged: Logged = new Map();
  private exitCode: ExitCode = EXIT_CODES.ok;

  constructor({ client, session, input }: PipedChatOptions) {
    this.conversation = new Conversation(client, session, this);
    this.input = input;
  }

  /** Runs until the input ends, or until two signals. The code is that of the last turn that did not end well. */
  async run(): Promise<ExitCode> {
    const left = deferred<ExitCode>();
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
    this.logged = new Map();
    if (text !== undefined) sayAside(`› ${printable(text)}`);
  }

  onSnapshot(snapshot: TurnSnapshot): void {
    const { lines, logged } = turnChanges(snapshot, this.logged);
    this.logged = logged;
    for (const line of lines) sayAside(line);
  }

  onApprovals({ turnId }: TurnHandle, requests: readonly ApprovalRequest[]): void {
    for (const request of requests) {
      const ids = oneLine(`${turnId} ${request.callId}`);
      const asker = askerText(request);
      const who = asker === undefined ? '' : ` of ${oneLine(asker)}`;
      sayAside(`${callText(request)}${who} waits: plait approve ${ids}, or plait deny ${ids}`);
      for (const line of inputLines(request.input)) sayAside(line);
      const { question } = request;
      for (const line of question === undefined ? [] : questionLines(question)) sayAside(line);
    }
  }

  onJoined(text: string): void {
    sayAside(`› ${printable(text)}\n  (read in this turn)`);
  }

  onTurnEnd(end: TurnEnd, last: TurnSnapshot | undefined): void {
    if (end.type === 'ended' && end.result.text !== '') {
      const { text } = end.result;
      say(process.stdout.isTTY ? printable(text) : text);
    }
    for (const line of endLines(end, last, PLAIN)) sayAside(line);
    const code = endCode(end);
    if (code !== EXIT_CODES.ok) this.exitCode = code;
  }

  onWaiting(reason: string | undefined): void {
    sayAside(reason === undefined ? 'Connected again.' : oneLine(reason));
  }

  private async readAll(): Promise<ExitCode> {
    // Turns that already run or wait come first.
    await this.conversation.follow();
    const lines = createInterface({ input: this.input });
    for await (const line of lines) if (await this.obey(line)) break;
    return this.exitCode;
  }

  /** Returns whether to stop reading lines. */
  private async obey(line: string): Promise<boolean> {
    const input = readInput(line);
    switch (input.type) {
      case 'nothing':
        return false;
      case 'send':
      // Only while no turn runs is a line read, so there is nothing to steer.
      case 'steer':
        await this.conversation.send(input.text);
        await this.conversation.follow();
        return false;
      case 'wrong':
        sayAside(input.message);
        this.exitCode = EXIT_CODES.wrongInput;
        return false;
      case 'help':
        for (const text of CHAT_HELP) sayAside(text);
        return false;
      case 'approvals':
        sayAside('No call waits for approval.');
        return false;
      case 'close':
        await this.conversation.whenAvailable(() => this.conversation.session.close());
        sayAside('The session is closed: it takes no more messages.');
        return true;
      case 'exit':
        return true;
    }
  }

  private interrupt(leave: (code: ExitCode) => void): void {
    const { turn } = this.conversation;
    if (turn === undefined) return leave(EXIT_CODES.interrupted);
    sayAside(
      'Interrupting the turn: its calls are cancelled and answered. Press Ctrl-C again to leave.',
    );
    turn
      .cancel()
      .catch((error: unknown) =>
        sayAside(`Could not interrupt the turn: ${oneLine(String(error))}`),
      );
  }
}

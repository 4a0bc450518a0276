import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import type { Client } from '@temporalio/client';
import type { Scenario } from './scenarios.ts';

/** One way to run a turn. */
export interface Contender {
  readonly name: string;
  /** Runs one turn on the user's text, and returns the whole conversation. */
  runTurn(text: string, id: string): Promise<MessageParam[]>;
  /** The client that reads the histories of its turns, if it has any. */
  readonly temporal?: Client;
  /** Whether it takes part. @default in every scenario */
  takesPart?(scenario: Scenario): boolean;
  /** Whether a failed turn is a result instead of a reason to stop. @default only if the server ends it */
  readonly mayFail?: boolean;
  /** Whether one measurement is enough, without a warm-up. @default always false */
  isSteady?(scenario: Scenario): boolean;
  close(): Promise<void>;
}

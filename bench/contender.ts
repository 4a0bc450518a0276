import type { History } from './history.ts';

/** One way to run a turn. */
export interface Contender {
  readonly name: string;
  /** Runs one turn from the user's text to the model's answer, and returns the answer. */
  runTurn(text: string, id: string): Promise<string>;
  /** What the turn of this id left on the server; absent where there is no server. */
  historyOf?(id: string): Promise<History>;
  close(): Promise<void>;
}

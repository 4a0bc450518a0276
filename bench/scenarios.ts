/** One piece of work that every contender does. */
export interface Scenario {
  /** For `--only`; also the user's text, by which the scripted model knows what to do. */
  readonly name: string;
  readonly title: string;
  /** Replies of the model that call tools; one more answers. */
  readonly rounds: number;
  /** How long each call of a round takes, in milliseconds. */
  readonly waits: readonly number[];
  /** Size of each result. */
  readonly bytes: number;
  /** Turns that start at once. */
  readonly turns: number;
  /** How often it is run, unless the command line says otherwise. */
  readonly repetitions: number;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'article',
    title: "the article's turn: calls of 400, 500 and 600 ms",
    rounds: 1,
    waits: [400, 500, 600],
    bytes: 200,
    turns: 1,
    repetitions: 9,
  },
  ...[10, 100, 500].map((calls) => ({
    name: `calls-${calls}`,
    title: `${calls} calls of 100 ms in one reply`,
    rounds: 1,
    waits: Array.from({ length: calls }, () => 100),
    bytes: 200,
    turns: 1,
    repetitions: 7,
  })),
  ...[20, 100].map((rounds) => ({
    name: `rounds-${rounds}`,
    title: `${rounds} rounds of 3 calls of 10 ms, each result of 4 KB`,
    rounds,
    waits: [10, 10, 10],
    bytes: 4_096,
    turns: 1,
    repetitions: rounds === 20 ? 7 : 3,
  })),
  {
    name: 'turns-200',
    title: '200 turns at once, each of 3 calls of 50 ms',
    rounds: 1,
    waits: [50, 50, 50],
    bytes: 200,
    turns: 200,
    repetitions: 3,
  },
];

/** Work that every contender does. */
export interface Scenario {
  /** For `--only`. It is also the user's text, from which the scripted model knows the scenario. */
  readonly name: string;
  readonly title: string;
  /** Replies of the model that call tools. One more reply is the answer. */
  readonly rounds: number;
  /**
   * How long each call of the first round takes, in milliseconds. Later rounds start at a later place in the
   * list.
   */
  readonly waits: readonly number[];
  /** Size of each result. */
  readonly bytes: number;
  /** Turns that start at once. */
  readonly turns: number;
  /** How often it is measured, without `--repetitions`. */
  readonly repetitions: number;
  /** Whether to run it once more before, which does not count. */
  readonly warmUp: boolean;
  /** Whether replies come at the speed of a model, and not at once. @default false */
  readonly paced?: boolean;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'article',
    title: "The article's turn: calls of 400, 500 and 600 ms",
    rounds: 1,
    waits: [400, 500, 600],
    bytes: 200,
    turns: 1,
    repetitions: 12,
    warmUp: true,
  },
  ...[10, 100, 500].map((calls) => ({
    name: `calls-${calls}`,
    title: `${calls} calls of 100 ms in one reply`,
    rounds: 1,
    waits: Array.from({ length: calls }, () => 100),
    bytes: 200,
    turns: 1,
    // Short scenarios vary most.
    repetitions: calls === 10 ? 20 : 5,
    warmUp: true,
  })),
  ...[20, 100].map((rounds) => ({
    name: `rounds-${rounds}`,
    title: `${rounds} rounds of 3 calls of 10 ms, each result of 4 KB`,
    rounds,
    waits: [10, 10, 10],
    bytes: 4_096,
    turns: 1,
    repetitions: rounds === 20 ? 5 : 3,
    // No warm-up for 100 rounds: the code is warm after 20, and all contenders together take a minute.
    warmUp: rounds === 20,
  })),
  {
    name: 'turns-200',
    title: '200 turns at once, each of 3 calls of 50 ms',
    rounds: 1,
    waits: [50, 50, 50],
    bytes: 200,
    turns: 200,
    repetitions: 3,
    warmUp: true,
  },
  // Each round starts at another place of `waits`, so that the longest call is sometimes early and sometimes
  // late in its reply.
  pacedScenario(3, [300, 1_500, 500]),
  pacedScenario(2, [350, 200, 700, 1_500, 250, 450, 300, 220, 950, 280]),
];

function pacedScenario(rounds: number, waits: readonly number[]): Scenario {
  return {
    name: `streamed-${waits.length}`,
    title: `Replies at 60 tokens a second: ${rounds} rounds of ${waits.length} calls of 0.2 to 1.5 s`,
    rounds,
    waits,
    bytes: 200,
    turns: 1,
    // These turns mostly wait, so they vary little.
    repetitions: 5,
    warmUp: true,
    paced: true,
  };
}

/** For Plait alone: turns whose history has to grow evenly. */
export const LONG_SCENARIOS: readonly Scenario[] = [10, 100, 300, 1_000].map((rounds) => ({
  name: `linear-${rounds}`,
  title: `${rounds} rounds of 3 calls`,
  rounds,
  waits: [0, 0, 0],
  // A thousand rounds of 24 KB are more than a model's context window.
  bytes: rounds === 1_000 ? 100 : 8_192,
  turns: 1,
  repetitions: 1,
  warmUp: false,
}));

/** For Plait alone: a call that lasts. */
export const MINUTE: Scenario = {
  name: 'minute',
  title: 'A call of a minute',
  rounds: 1,
  waits: [60_000],
  bytes: 200,
  turns: 1,
  repetitions: 1,
  warmUp: false,
};

/** The user's text to which the model answers for half a minute. */
export const LONG_REPLY = 'a reply of 30 s';

/** The time of the calls when each waits for the one before. */
export function callTime({ rounds, waits }: Scenario): number {
  return rounds * waits.reduce((sum, ms) => sum + ms, 0);
}

import { parseArgs } from 'node:util';
import type { Scenario } from './scenarios.ts';
import { SCENARIOS } from './scenarios.ts';

export interface Options {
  readonly scenarios: readonly Scenario[];
  /** Instead of each scenario's own. */
  readonly repetitions?: number;
  readonly json: boolean;
  readonly defaultServerSettings: boolean;
}

/** Throws an error whose message is all there is to say. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      /** May be given several times. */
      only: { type: 'string', multiple: true, default: [] },
      repetitions: { type: 'string' },
      json: { type: 'boolean', default: false },
      'default-server-settings': { type: 'boolean', default: false },
    },
  });
  return {
    scenarios: chosen(values.only),
    ...(values.repetitions === undefined ? {} : { repetitions: count(values.repetitions) }),
    json: values.json,
    defaultServerSettings: values['default-server-settings'],
  };
}

function chosen(only: readonly string[]): readonly Scenario[] {
  const names = SCENARIOS.map(({ name }) => name);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`There is no scenario ${unknown.join(', ')}; there are ${names.join(', ')}.`);
  }
  return only.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => only.includes(name));
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--repetitions must be a whole number from 1, not ${text}.`);
}

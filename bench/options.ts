import { parseArgs } from 'node:util';
import type { Scenario } from './scenarios.ts';
import { SCENARIOS } from './scenarios.ts';

export interface Options {
  readonly scenarios: readonly Scenario[];
  /** What is measured of Plait alone. */
  readonly tables: readonly Table[];
  /** Instead of each scenario's own. */
  readonly repetitions?: number;
  readonly json: boolean;
  readonly defaultServerSettings: boolean;
}

export type Table = (typeof TABLES)[number];
const TABLES = ['linear', 'thousand', 'session'] as const;

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
    ...chosen(values.only),
    ...(values.repetitions === undefined ? {} : { repetitions: count(values.repetitions) }),
    json: values.json,
    defaultServerSettings: values['default-server-settings'],
  };
}

function chosen(only: readonly string[]): Pick<Options, 'scenarios' | 'tables'> {
  const names = [...SCENARIOS.map(({ name }) => name), ...TABLES];
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`There is no scenario ${unknown.join(', ')}; there are ${names.join(', ')}.`);
  }
  const isChosen = (name: string) => only.length === 0 || only.includes(name);
  return {
    scenarios: SCENARIOS.filter(({ name }) => isChosen(name)),
    // Minutes, in which the scripted model does most of the work.
    tables: TABLES.filter((name) => isChosen(name) && (only.length > 0 || name !== 'thousand')),
  };
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--repetitions must be a whole number from 1, not ${text}.`);
}

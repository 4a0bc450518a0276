import { parseArgs } from 'node:util';
import type { Scenario } from './scenarios.ts';
import { SCENARIOS } from './scenarios.ts';

export interface Options {
  readonly scenarios: readonly Scenario[];
  /** Measurements of Plait alone. */
  readonly tables: readonly Table[];
  /** @default each scenario's own */
  readonly repetitions?: number;
  readonly json: boolean;
  readonly defaultServerSettings: boolean;
}

export type Table = (typeof TABLES)[number];
const TABLES = ['linear', 'thousand', 'session', 'actions'] as const;

/** Throws an error whose message is for the user. */
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
    ...(values.repetitions !== undefined && { repetitions: count(values.repetitions) }),
    json: values.json,
    defaultServerSettings: values['default-server-settings'],
  };
}

function chosen(only: readonly string[]): Pick<Options, 'scenarios' | 'tables'> {
  const names = [...SCENARIOS.map(({ name }) => name), ...TABLES];
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--only must be one of ${names.join(', ')}; got ${unknown.join(', ')}`);
  }
  const isChosen = (name: string) => only.length === 0 || only.includes(name);
  return {
    scenarios: SCENARIOS.filter(({ name }) => isChosen(name)),
    // `thousand` only on request: it takes minutes, most of them for the scripted model.
    tables: TABLES.filter((name) => isChosen(name) && (only.length > 0 || name !== 'thousand')),
  };
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--repetitions must be a whole number of at least 1; got ${text}`);
}

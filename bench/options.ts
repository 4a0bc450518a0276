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
  /** Whether the contenders of bench/peers take part. */
  readonly peers: boolean;
  /** Whether to compare with the kept results. Only what that needs is measured. */
  readonly check: boolean;
  /** Whether to keep the results, and write docs/benchmarks.md from them. */
  readonly write: boolean;
  /** A file with the results of an earlier run, to measure nothing. */
  readonly from?: string;
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
      peers: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      from: { type: 'string' },
    },
  });
  if (values.write && (values.only.length > 0 || values.check)) {
    throw new Error('--write needs a whole run: leave out --only and --check');
  }
  return {
    ...chosen(values.only, values.check),
    ...(values.repetitions !== undefined && { repetitions: count(values.repetitions) }),
    ...(values.from !== undefined && { from: values.from }),
    json: values.json,
    defaultServerSettings: values['default-server-settings'],
    peers: values.peers,
    check: values.check,
    write: values.write,
  };
}

/** Left out of a check: they take minutes, and shorter ones show the same. */
const UNCHECKED: ReadonlySet<string> = new Set(['rounds-100', 'linear', 'session']);
/** Only on request: it takes minutes, most of which the scripted model spends. */
const RARE = 'thousand';

function chosen(only: readonly string[], check: boolean): Pick<Options, 'scenarios' | 'tables'> {
  const names = [...SCENARIOS.map(({ name }) => name), ...TABLES];
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--only must be one of ${names.join(', ')}; got ${unknown.join(', ')}`);
  }
  const isChosen = (name: string) =>
    only.length === 0 ? name !== RARE && !(check && UNCHECKED.has(name)) : only.includes(name);
  return {
    scenarios: SCENARIOS.filter(({ name }) => isChosen(name)),
    tables: TABLES.filter(isChosen),
  };
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--repetitions must be a whole number of at least 1; got ${text}`);
}

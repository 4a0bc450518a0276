import { setTimeout as sleep } from 'node:timers/promises';

/** The server publishes its counts once a second. */
const PUBLISHED_MS = 1_500;

/** Counts the Actions of a server: what Temporal Cloud bills, and what a server of one's own writes. */
export class ActionCounter {
  private readonly url: string;

  /** @param port of the server's metrics */
  constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/metrics`;
  }

  /** What it has counted since it started, by the kind of Action. */
  async read(): Promise<Actions> {
    await sleep(PUBLISHED_MS);
    const response = await fetch(this.url);
    if (!response.ok) throw new Error(`${this.url} answers with status ${response.status}`);
    return parseActions(await response.text());
  }
}

export type Actions = ReadonlyMap<string, number>;

const LINE = /^action\{(?<labels>[^}]*)\} (?<count>\S+)$/gm;

/** Of Prometheus's text format. A kind may have a line for each namespace and workflow type. */
export function parseActions(metrics: string): Actions {
  const actions = new Map<string, number>();
  for (const { groups } of metrics.matchAll(LINE)) {
    const labels = groups?.['labels'] ?? '';
    const type = /action_type="(?<type>[^"]*)"/.exec(labels)?.groups?.['type'];
    // Nobody is billed for the server's own workflows.
    if (type === undefined || labels.includes('namespace="temporal_system"')) continue;
    actions.set(type, (actions.get(type) ?? 0) + Number(groups?.['count']));
  }
  return actions;
}

/** What was counted between two readings. */
export function actionsBetween(before: Actions, after: Actions): Actions {
  const counts = [...after].map(
    ([type, count]) => [type, count - (before.get(type) ?? 0)] as const,
  );
  return new Map(counts.filter(([, count]) => count > 0));
}

export function totalOf(actions: Readonly<Record<string, number>>): number {
  return Object.values(actions).reduce((sum, count) => sum + count, 0);
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../../deploy/compose-file.ts';
import type { MetricName } from '../../core/metrics.ts';
import { METRICS } from '../../core/metrics.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Target {
  expr: string;
  legendFormat: string;
}

interface Dashboard {
  panels: { title: string; type: string; targets?: Target[] }[];
  templating: { list: { definition?: string }[] };
}

interface Rules {
  groups: {
    rules: {
      alert: string;
      expr: string;
      labels: { severity: string };
      annotations: { summary: string; description: string; runbook: string };
    }[];
  }[];
}

const dashboard = JSON.parse(read('deploy/observability/grafana/plait.json')) as Dashboard;
const alerts = (parse(read('deploy/observability/alerts.yml')) as Rules).groups.flatMap(
  ({ rules }) => rules,
);
const page = read('docs/observability.md');
const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ where: title, ...target })),
);
const queries = [
  ...panels,
  ...alerts.map(({ alert, expr }) => ({ where: alert, expr })),
  ...dashboard.templating.list.flatMap(({ definition }) =>
    definition === undefined ? [] : [{ where: 'a variable', expr: definition }],
  ),
  ...[...page.matchAll(/```text\n([^]*?)```/g)].map(([, expr = '']) => ({ where: 'docs', expr })),
];

/** Under which names Prometheus finds a metric. */
function seriesOf(name: MetricName): string[] {
  return METRICS[name].type === 'counter'
    ? [`${name}_total`]
    : ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`);
}

const names = Object.keys(METRICS) as MetricName[];
const labelsOf = new Map<string, readonly string[]>(
  names.flatMap((name) => seriesOf(name).map((series) => [series, METRICS[name].labels])),
);

/** The series that a query names, and the labels by which it chooses them. */
function selectorsIn(query: string): { series: string; labels: string[] }[] {
  return [...query.matchAll(/\b(plait_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, series = '', inside = '']) => ({
      series,
      labels: [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label),
    }),
  );
}

describe('the dashboard, the alerts and the page name only what exists:', () => {
  test.each(queries)('$where', ({ expr }) => {
    const selectors = selectorsIn(expr);
    if (!/\bup\{/.test(expr)) expect(selectors).not.toHaveLength(0);
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, by = '']) =>
      by.split(',').map((label) => label.trim()),
    );
    for (const { series, labels } of selectors) {
      const known = labelsOf.get(series);
      expect(known, `${series} is no series`).toBeDefined();
      const used = [...labels, ...grouped.filter((label) => label !== 'le')];
      expect(used.filter((label) => known?.includes(label) !== true)).toEqual([]);
    }
  });
});

test('every metric is on the dashboard', () => {
  const shown = new Set(
    panels.flatMap(({ expr }) => selectorsIn(expr).map(({ series }) => series)),
  );
  expect(names.filter((name) => !seriesOf(name).some((series) => shown.has(series)))).toEqual([]);
});

test('legends name labels of their queries', () => {
  for (const { expr, legendFormat, where } of panels) {
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      expect(expr, where).toMatch(new RegExp(`by \\([^)]*\\b${label}\\b`));
    }
  }
});

test('the page lists every metric, with its type and its labels', () => {
  const rows = [...page.matchAll(/^\| `(plait_\w+)` +\| (\w+) +\| ([^|]+?) +\|/gm)];
  const listed = rows.map(([, name, type, labels]) => [name, type, labels]);
  expect(listed).toEqual(
    names.map((name) => {
      const { type, labels } = METRICS[name];
      const shown = type === 'counter' ? `${name}_total` : name;
      return [shown, type, labels.map((label) => `\`${label}\``).join(', ')];
    }),
  );
});

test('the page lists every alert, and each has what the person on call needs', () => {
  const listed = [...page.matchAll(/^\| `(Plait\w+)`/gm)].map(([, name]) => name);
  expect(listed).toEqual(alerts.map(({ alert }) => alert));
  for (const { alert, labels, annotations } of alerts) {
    expect(['page', 'ticket'], alert).toContain(labels.severity);
    expect(annotations.summary, alert).toMatch(/\.$/);
    expect(annotations.description, alert).toMatch(/\.$/);
    const [path = '', anchor] = annotations.runbook.split('#');
    expect(existsSync(join(ROOT, path)), alert).toBe(true);
    const headings = [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    expect(headings, alert).toContain(anchor);
  }
});

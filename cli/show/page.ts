import type { Row, Bar, Waterfall } from '../../client/follow/waterfall.ts';
import { allRows, tookOf } from '../../client/follow/waterfall.ts';
import type { ActivityState } from '../../client/follow/snapshot.ts';
import { durationText } from '../text.ts';
import type { TurnFacts } from './facts.ts';
import type { Finding } from './findings.ts';
import { findingsOf, nameOf } from './findings.ts';
import { Markup, markup, maybe } from './markup.ts';
import { PAGE_STYLE } from './page-style.ts';
import { statusText } from './text.ts';
import type { Look } from './words.ts';
import { figuresOf, lookOf, LOOKS, barText, SHARES } from './words.ts';

/**
 * A turn as one self-contained page: no script, no font, no address. Everything on it can be read without
 * seeing the bars, and reached by keyboard. Pure.
 */
export function pageOf(facts: TurnFacts, version: string): string {
  const { turn } = facts;
  const { turnId, agent = 'unknown', asked, start, end, rows } = turn;
  const status = statusText(facts);
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>Turn ${turnId}: ${status}</title>
<style>${new Markup(PAGE_STYLE)}</style>
</head>
<body>
<header>
<h1>Turn <code>${turnId}</code></h1>
<p class="about"><span>${status}</span><span>agent ${agent}</span><span>started ${timeTag(start)}</span></p>
${maybe(asked, (text) => markup`<blockquote class="asked"><span class="hidden">It was asked: </span>${text}</blockquote>`)}
</header>
<main>
<section aria-labelledby="findings">
<h2 id="findings">${turn.status === 'running' ? 'What it waits for' : 'How it ended'}</h2>
<ul class="findings">
${findingsOf(facts).map(findingItem)}</ul>
</section>
${maybe(rows.length === 0 ? undefined : turn, timelineSection)}
<section aria-labelledby="figures">
<h2 id="figures">Figures</h2>
<dl class="figures">
${figureItems(facts)}</dl>
</section>
</main>
<footer><p>As of ${timeTag(end)}. Written by <code>plait show ${turnId} --html</code>, Plait ${version}.</p></footer>
</body>
</html>
`;
  return page.text;
}

function timeTag(time: number): Markup {
  const iso = new Date(time).toISOString();
  const text = iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
  return markup`<time datetime="${iso}">${text}</time>`;
}

const FINDINGS: Record<Finding['type'], { icon: string; word: string }> = {
  done: { icon: '✔', word: '' },
  waits: { icon: '…', word: '' },
  problem: { icon: '✖', word: 'Problem: ' },
};

function findingItem({ type, what, where, why, todo, commands }: Finding): Markup {
  const { icon, word } = FINDINGS[type];
  return markup`<li class="finding ${type}"><p><span aria-hidden="true">${icon} </span><span class="hidden">${word}</span><b>${what}</b></p>
${maybe(where, (text) => markup`<p class="dim">${text}</p>`)}
${maybe(why, (text) => markup`<p class="why">${text}</p>`)}
${maybe(todo, (text) => markup`<p>${text}</p>`)}
${maybe(commands, (lines) => markup`<pre>${lines.join('\n')}</pre>`)}</li>
`;
}

function timelineSection(turn: Waterfall): Markup {
  const { rows } = turn;
  const bars = allRows(rows).flatMap((row) => row.bars);
  const axis = axisOf(turn, bars);
  const isEstimated = bars.some(({ estimated }) => estimated === true);
  return markup`<section aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
<p class="dim">Open a row for what it waited for, how long each attempt took, and why it failed. Underlined rows are on the critical path: the turn has waited for them.${isEstimated ? ' Temporal keeps only when the last attempt began, so the times of earlier attempts are estimated by the retry policy.' : ''}</p>
<div class="axis" aria-hidden="true"><span></span><div class="ticks">${ticks(axis)}</div><span></span></div>
<ol class="rows">
${rows.map((row) => rowItem(row, axis, 0))}</ol>
<ul class="legend" aria-hidden="true">
${legendItems(rows)}</ul>
</section>
`;
}

interface Axis {
  start: number;
  length: number;
}

function axisOf({ start: begun, end: ended }: Waterfall, bars: readonly Bar[]): Axis {
  // Not spread: there may be more rows than a function takes arguments.
  const start = bars.reduce((first, bar) => Math.min(first, bar.start), begun);
  const end = bars.reduce((last, bar) => Math.max(last, bar.end), ended);
  return { start, length: Math.max(1, end - start) };
}

/** The labels of the vertical lines. */
function ticks({ length }: Axis): Markup[] {
  return [0, 25, 50, 75, 100].map((at) => {
    const text = durationText((at / 100) * length);
    return markup`<span style="left:${at}%">${text}</span>`;
  });
}

/** `depth`: in how many rows this one is nested. All bars start at the same column. */
function rowItem(row: Row, axis: Axis, depth: number): Markup {
  const { type, name, summary, state, attempts, bars, critical, children } = row;
  const took = tookOf(row);
  const time = took === undefined ? '' : durationText(took);
  const isCritical = critical === true;
  const spoken = [
    STATES[state],
    ...(attempts > 1 ? [`${attempts} attempts`] : []),
    ...(isCritical ? ['on the critical path'] : []),
    ...(time === '' ? [] : ['took ']),
  ].join(', ');
  const items = bars.map((bar) => barItem(bar, axis));
  const nested = children.map((child) => rowItem(child, axis, depth + 1));
  return markup`<li class="${type}${isCritical ? ' critical' : ''}"><details><summary style="--depth:${depth}"><span class="name"><i aria-hidden="true" class="state-${state}">${ICONS[state]}</i><b>${name}</b> <span class="dim">${summary}</span><span class="hidden">, ${spoken}</span></span><span class="bar" aria-hidden="true">${items}</span><span class="took">${time}</span></summary>
${detailsOf(row, axis)}</details>${maybe(
    nested.length === 0 ? undefined : nested,
    (rows) => markup`
<ol>
${rows}</ol>
`,
  )}</li>
`;
}

function barItem(bar: Bar, { start, length }: Axis): Markup {
  const left = (100 * (bar.start - start)) / length;
  const width = Math.min((100 * (bar.end - bar.start)) / length, 100 - left);
  const style = `left:${left.toFixed(2)}%;width:${width.toFixed(2)}%`;
  return markup`<span class="${lookOf(bar)}" style="${style}"></span>`;
}

/** What a row shows when it is opened. */
function detailsOf(row: Row, { start }: Axis): Markup {
  const { id, type, state, attempts, bars, message, lastFailure, approval, open, turn } = row;
  const isShown = state !== 'succeeded' && message !== undefined;
  const first = bars[0];
  const about = [
    `${STATES[state]}${attempts > 1 ? ` after ${attempts} attempts` : ''}`,
    ...(first === undefined ? [] : [`from ${durationText(first.start - start)} on`]),
    ...(open === undefined ? [] : [`task queue ${open.taskQueue}`]),
  ].join(', ');
  const items = bars.map((bar) => markup`<li>${barText(bar)}</li>`);
  return markup`<div class="more">
<p><code>${nameOf(row)}</code></p>
<p>${about}</p>
${maybe(isShown ? message : undefined, (text) => markup`<p class="why">${text}</p>`)}
${maybe(
  isShown ? undefined : lastFailure,
  (text) => markup`<p>The attempt before the last one failed:</p>
<p class="why">${text}</p>`,
)}
${maybe(turn, (sub) => markup`<p>It runs turn <code>${sub.turnId}</code> of agent ${sub.agent ?? 'unknown'}, whose rows stand below.</p>`)}
${maybe(approval, (decision) => markup`<p>${approvalText(decision)}</p>`)}
${maybe(items.length === 0 ? undefined : items, (all) => markup`<ul>${all}</ul>`)}
<p class="dim">${type === 'call' ? 'call' : 'activity'} <code>${id}</code></p>
</div>
`;
}

function approvalText({ decision, by, reason, at }: NonNullable<Row['approval']>): string {
  const who = by === undefined ? '' : ` by ${by}`;
  return `${decision}${who} at ${at}${reason === undefined ? '' : `: ${reason}`}`;
}

const ICONS: Record<ActivityState, string> = {
  scheduled: '·',
  waiting: '…',
  running: '▶',
  retrying: '↻',
  paused: '‖',
  cancelling: '⊘',
  succeeded: '✔',
  failed: '✖',
  timedOut: '✖',
  unknown: '?',
  denied: '⊘',
  cancelled: '⊘',
  skipped: '–',
};

const STATES: Record<ActivityState, string> = {
  scheduled: 'not started',
  waiting: 'waiting',
  running: 'running',
  retrying: 'will be tried again',
  paused: 'paused',
  cancelling: 'asked to stop',
  succeeded: 'succeeded',
  failed: 'failed',
  timedOut: 'timed out',
  unknown: 'outcome unknown',
  denied: 'denied',
  cancelled: 'cancelled',
  skipped: 'did not run',
};

function legendItems(rows: readonly Row[]): Markup[] {
  const all = allRows(rows);
  const used = new Set(all.flatMap(({ bars }) => bars.map(lookOf)));
  const isAsked = all.some((row) => row.type === 'model' && row.bars.length > 0);
  const looks = (Object.keys(LOOKS) as Look[]).filter((look) => used.has(look));
  const items = [
    ...(isAsked ? [{ look: 'model-asked', label: 'the model is asked' }] : []),
    ...looks.map((look) => ({ look, label: LOOKS[look].label })),
  ];
  return items.map(
    ({ look, label }) => markup`<li><span class="swatch ${look}"></span> ${label}</li>
`,
  );
}

function figureItems(facts: TurnFacts): Markup[] {
  const { shares, wallTime } = facts.turn.timing;
  const parts = SHARES.map(({ share }) => {
    const width = ((100 * shares[share]) / Math.max(1, wallTime)).toFixed(2);
    return markup`<span class="share-${share}" style="width:${width}%"></span>`;
  });
  return figuresOf(facts).map(({ label, value, explanation }) => {
    const bar = label === 'spent on' ? parts : undefined;
    return markup`<div><dt>${label}</dt><dd>${maybe(bar, (all) => markup`<div class="shares" aria-hidden="true">${all}</div>`)}${value}${maybe(explanation, (text) => markup`<small>${text}</small>`)}</dd></div>
`;
  });
}

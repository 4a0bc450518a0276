import type { Row, Segment, Waterfall } from '../../client/follow/waterfall.ts';
import { allRows, tookOf } from '../../client/follow/waterfall.ts';
import type { ActivityState } from '../../client/follow/snapshot.ts';
import { durationText } from '../text.ts';
import type { TurnFacts } from './facts.ts';
import type { Finding } from './findings.ts';
import { findingsOf, nameOf } from './findings.ts';
import type { Html } from './html.ts';
import { html, raw } from './html.ts';
import { PAGE_STYLE } from './page-style.ts';
import { statusText } from './text.ts';
import type { Look } from './words.ts';
import { figuresOf, lookOf, LOOKS, percent, segmentText, SHARES } from './words.ts';

/**
 * A turn as one page that needs nothing else: no script, no font, no address. Everything on it can be read
 * without seeing the bars and reached with the keyboard. Pure.
 */
export function pageOf(facts: TurnFacts, version: string): string {
  const { turn } = facts;
  const { turnId, agent = 'unknown', asked, start, end, rows } = turn;
  const title = `Turn ${turnId}: ${statusText(facts)}`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'"
        />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        <style>
          ${raw(PAGE_STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>Turn <code>${turnId}</code></h1>
          <p class="about">
            <span>${statusText(facts)}</span><span>agent ${agent}</span
            ><span>started ${timeTag(start)}</span>
          </p>
          ${asked === undefined ? html`` : html`<blockquote class="asked"><span class="hidden">It was asked: </span>${asked}</blockquote>`}
        </header>
        <main>
          <section aria-labelledby="findings">
            <h2 id="findings">
              ${turn.status === 'running' ? 'What it waits for' : 'How it ended'}
            </h2>
            <ul class="findings">
              ${findingsOf(facts).map(findingItem)}
            </ul>
          </section>
          ${rows.length === 0 ? html`` : timelineSection(turn)}
          <section aria-labelledby="figures">
            <h2 id="figures">Figures</h2>
            <dl class="figures">${figureItems(facts)}</dl>
          </section>
        </main>
        <footer>
          <p>
            As of ${timeTag(end)}. Written by <code>plait show ${turnId} --html</code>, Plait
            ${version}.
          </p>
        </footer>
      </body>
    </html> `;
  return page.text;
}

function timeTag(time: number): Html {
  const iso = new Date(time).toISOString();
  return html`<time datetime="${iso}">${iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time>`;
}

const FINDINGS: Record<Finding['type'], { icon: string; word: string }> = {
  done: { icon: '✔', word: '' },
  waits: { icon: '…', word: '' },
  problem: { icon: '✖', word: 'Problem: ' },
};

function findingItem({ type, what, why, todo, commands = [] }: Finding): Html {
  const { icon, word } = FINDINGS[type];
  return html`<li class="finding ${type}">
    <p><span aria-hidden="true">${icon} </span><span class="hidden">${word}</span><b>${what}</b></p>
    ${why === undefined ? html`` : html`<p class="why">${why}</p>`}
    ${todo === undefined ? html`` : html`<p>${todo}</p>`}
    ${commands.length === 0 ? html`` : html`<pre>${commands.join('\n')}</pre>`}
  </li> `;
}

function timelineSection(turn: Waterfall): Html {
  const { rows } = turn;
  const segments = allRows(rows).flatMap((row) => row.segments);
  const axis = axisOf(turn, segments);
  const isEstimated = segments.some(({ estimated }) => estimated === true);
  return html`<section aria-labelledby="timeline">
    <h2 id="timeline">Timeline</h2>
    <p class="dim">
      Open a row for what it waited for, how long each attempt took, and why it failed. Underlined
      rows are on the critical path: the turn has waited for
      them.${isEstimated ? ' Temporal keeps only when the last attempt began, so earlier attempts stand where the retry policy puts them.' : ''}
    </p>
    <div class="axis" aria-hidden="true">
      <span></span>
      <div class="ticks">${ticks(axis)}</div>
      <span></span>
    </div>
    <ol class="rows">
      ${rows.map((row) => rowItem(row, axis))}
    </ol>
    <ul class="legend" aria-hidden="true">
      ${legendItems(rows)}
    </ul>
  </section> `;
}

interface Axis {
  start: number;
  length: number;
}

function axisOf({ start: begun, end: ended }: Waterfall, segments: readonly Segment[]): Axis {
  const start = Math.min(begun, ...segments.map((segment) => segment.start));
  const end = Math.max(ended, start + 1, ...segments.map((segment) => segment.end));
  return { start, length: end - start };
}

/** At the lines behind the bars. */
function ticks({ length }: Axis): Html[] {
  return [0, 25, 50, 75, 100].map(
    (at) => html`<span style="left:${at}%">${durationText((at / 100) * length)}</span>`,
  );
}

function rowItem(row: Row, axis: Axis): Html {
  const { type, name, summary, state, attempts, segments, critical, children } = row;
  const took = tookOf(row);
  const time = took === undefined ? '' : durationText(took);
  const times = attempts > 1 ? `, ${attempts} attempts` : '';
  const isCritical = critical === true;
  return html`<li class="${type}${isCritical ? ' critical' : ''}">
    <details>
      <summary>
        <span class="name"
          ><i aria-hidden="true" class="state-${state}">${ICONS[state]}</i><b>${name}</b>
          <span class="dim">${summary}</span
          ><span class="hidden"
            >, ${STATES[state]}${times}${isCritical ? ', on the critical path' : ''}, took
          </span></span
        ><span class="bar" aria-hidden="true"
          >${segments.map((segment) => barItem(segment, axis))}</span
        ><span class="took">${time}</span>
      </summary>
      ${detailsOf(row, axis)}
    </details>
    ${
      children.length === 0
        ? html``
        : html` <ol>
            ${children.map((child) => rowItem(child, axis))}
          </ol>`
    }
  </li> `;
}

function barItem(segment: Segment, { start, length }: Axis): Html {
  const left = (100 * (segment.start - start)) / length;
  const width = (100 * (segment.end - segment.start)) / length;
  const style = `left:${left.toFixed(2)}%;width:${Math.min(width, 100 - left).toFixed(2)}%`;
  return html`<span class="${lookOf(segment)}" style="${style}"></span>`;
}

/** What the row says when it is open. */
function detailsOf(row: Row, { start }: Axis): Html {
  const { id, type, state, attempts, segments, message, lastFailure, approval, open } = row;
  const isShown = state !== 'succeeded' && message !== undefined;
  const before = !isShown && lastFailure !== undefined ? lastFailure : undefined;
  const first = segments[0];
  return html`<div class="more">
    <p><code>${nameOf(row)}</code></p>
    <p>
      ${STATES[state]}${attempts > 1 ? ` after ${attempts} attempts` : ''}${first === undefined ? '' : `, from ${durationText(first.start - start)} on`}${open === undefined || open.taskQueue === '' ? '' : `, task queue ${open.taskQueue}`}
    </p>
    ${isShown ? html`<p class="why">${message}</p>` : html``}
    ${
      before === undefined
        ? html``
        : html`<p>The attempt before the last one failed:</p>
            <p class="why">${before}</p>`
    }
    ${approval === undefined ? html`` : html`<p>${approvalText(approval)}</p>`}
    ${
      segments.length === 0
        ? html``
        : html`<ul>
            ${segments.map((segment) => html`<li>${segmentText(segment)}</li>`)}
          </ul>`
    }
    <p class="dim">${type === 'call' ? 'call' : 'activity'} <code>${id}</code></p>
  </div> `;
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

function legendItems(rows: readonly Row[]): Html[] {
  const all = allRows(rows);
  const used = new Set(all.flatMap(({ segments }) => segments.map(lookOf)));
  const isAsked = all.some((row) => row.type === 'model' && row.segments.length > 0);
  return [
    ...(isAsked
      ? [html`<li><span class="swatch model-asked"></span> the model is asked</li>`]
      : []),
    ...(Object.keys(LOOKS) as Look[])
      .filter((look) => used.has(look))
      .map((look) => html`<li><span class="swatch ${look}"></span> ${LOOKS[look].label}</li>`),
  ];
}

function figureItems(facts: TurnFacts): Html[] {
  const { shares, wallTime } = facts.turn.timing;
  return figuresOf(facts).map(({ label, value, note }) => {
    const bar =
      label === 'spent on'
        ? html`<div class="shares" aria-hidden="true">
            ${SHARES.map(({ share }) => html`<span class="share-${share}" style="width:${percent(shares[share], wallTime).replace(' ', '')}"></span>`)}
          </div>`
        : html``;
    return html`<div>
      <dt>${label}</dt>
      <dd>${bar}${value}${note === undefined ? html`` : html`<small>${note}</small>`}</dd>
    </div> `;
  });
}

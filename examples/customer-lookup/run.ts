// The demo: `plait demo`, or this file by itself. It measures what it says and checks what it shows.

import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import type { TurnResult } from 'plait';
import { onSignals } from '../../cli/signals.ts';
import { say } from '../../cli/say.ts';
import { showTurn, treeText } from '../../cli/show-turn.ts';
import { styleFor } from '../../cli/style.ts';
import { wrap } from '../../cli/text.ts';
import { field } from '../../cli/worker-report.ts';
import { customerLookup } from './agent.ts';
import {
  checkAnswered,
  checkAtOnce,
  checkBrokenOrders,
  checkFullPicture,
  checkOneByOne,
} from './checks.ts';
import { figureLines, resultLines, slowFigureLines } from './report.ts';
import { BROKEN_ORDERS, customerScript, FULL_PICTURE, ONE_BY_ONE } from './script.ts';
import type { Stage } from './stage.ts';
import { openStage } from './stage.ts';

export interface DemoOptions {
  /** Ask the real Messages API; needs ANTHROPIC_API_KEY. @default false */
  live?: boolean;
  /** Run the same turn one call after the other as well. @default false */
  sequential?: boolean;
  /** Stay open afterwards, so that the links work. @default true in a terminal */
  keep?: boolean;
}

const out = process.stdout;
const style = styleFor(out);

/** Throws if anything differs from what the demo says. Returns false if it was interrupted. */
export async function runDemo(options: DemoOptions = {}): Promise<boolean> {
  const { live = false, sequential = false, keep = out.isTTY } = options;
  const { stop, stopped } = stopSignal();
  say(style.bold('Plait: all tool calls of one reply at the same time\n'));
  const script = live ? undefined : customerScript;
  const cast = { agent: customerLookup, script };
  const stage = await openStage(cast, (text) => say(style.dim(`  ${text}`)));
  try {
    await Promise.race([play(stage, live, sequential), stop]);
    const finished = !stopped();
    if (finished && keep) {
      showLinks(stage, sequential);
      await stop;
    } else if (finished) say('\nWith --keep the turns can be looked at in the Temporal UI.');
    return finished;
  } finally {
    await stage.close();
  }
}

function stopSignal(): { stop: Promise<void>; stopped: () => boolean } {
  let pressed = false;
  const stop = new Promise<void>((resolve) => {
    const first = (): void => {
      pressed = true;
      resolve();
    };
    onSignals(first, () => process.exit(130));
  });
  return { stop, stopped: () => pressed };
}

async function play(stage: Stage, live: boolean, sequential: boolean): Promise<void> {
  const model = live ? 'the real one' : 'scripted (--live asks the real one)';
  sayLines([
    field('model', model, style),
    field('Temporal', `${stage.address}, UI at ${stage.uiUrl}`, style),
  ]);

  const full = await turn(stage, 'full-picture', FULL_PICTURE);
  (live ? checkAnswered : checkFullPicture)(full);
  if (!live) await checkAtOnce(stage.agents.getTurn('full-picture'), full);
  sayLines(figureLines(full, style));
  if (sequential) {
    const slow = await turn(stage, 'one-by-one', ONE_BY_ONE);
    (live ? checkAnswered : checkOneByOne)(slow);
    sayLines(slowFigureLines(slow, style));
  }
  const broken = await turn(stage, 'broken-orders', BROKEN_ORDERS);
  (live ? checkAnswered : checkBrokenOrders)(broken);
  sayLines(resultLines(broken, style));
}

/** The links work for as long as the stage is open. */
function showLinks(stage: Stage, sequential: boolean): void {
  const ids = ['full-picture', ...(sequential ? ['one-by-one'] : []), 'broken-orders'];
  say('\nThe turns in the Temporal UI');
  sayLines(ids.map((id) => `  ${style.cyan(stage.linkTo(id))}`));
  say('\nPress Ctrl-C to stop.');
}

async function turn({ agents }: Stage, turnId: string, text: string): Promise<TurnResult> {
  say(`\n${style.bold(`> ${text}`)}\n`);
  const handle = await agents.start('customer-lookup', text, { turnId });
  if (out.isTTY) await showTurn(handle.watch(), out, style);
  const result = await handle.result();
  if (!out.isTTY) {
    // In a pipe, only the finished tree is printed: watching an ended turn gives a single snapshot.
    for await (const snapshot of handle.watch()) say(treeText(snapshot, undefined, style));
  }
  sayLines(['', ...wrap(result.text, 76).map((line) => `  ${line}`)]);
  return result;
}

function sayLines(lines: readonly string[]): void {
  for (const line of lines) say(line);
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  process.exitCode = (await runDemo()) ? 0 : 130;
}

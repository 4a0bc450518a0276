// The demo: `plait demo`, or this file by itself. It measures what it says and checks what it shows.

import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import type { TurnResult } from 'plait';
import { onSignals } from '../../cli/run-worker.ts';
import { say } from '../../cli/say.ts';
import { showTurn, treeText } from '../../cli/show-turn.ts';
import { styleFor } from '../../cli/style.ts';
import { installRuntime } from '../../cli/temporal-runtime.ts';
import { durationText, oneLine, wrap } from '../../cli/text.ts';
import { field } from '../../cli/worker-report.ts';
import { checkAnswered, checkBrokenOrders, checkFullPicture, checkOneByOne } from './checks.ts';
import { figuresOf } from './figures.ts';
import { BROKEN_ORDERS, FULL_PICTURE, ONE_BY_ONE } from './script.ts';
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

/** Throws when anything is not as the demo says. */
export async function runDemo(options: DemoOptions = {}): Promise<void> {
  const { live = false, sequential = false, keep = out.isTTY } = options;
  installRuntime(style, { quiet: true });
  const stopped = new AbortController();
  const stop = new Promise<void>((resolve) => {
    stopped.signal.addEventListener('abort', () => resolve());
  });
  onSignals(
    () => stopped.abort(),
    () => process.exit(130),
  );
  say(style.bold('Plait: the tool calls of one reply, all at once'));
  say('');
  const stage = await openStage(live, (text) => say(style.dim(`  ${text}`)));
  try {
    await Promise.race([play(stage, live, sequential), stop]);
    if (keep && !stopped.signal.aborted) {
      say('\nPress Ctrl-C to stop.');
      await stop;
    }
  } finally {
    await stage.close();
  }
}

async function play(stage: Stage, live: boolean, sequential: boolean): Promise<void> {
  const model = live ? 'the real one' : 'scripted; --live asks the real one';
  say(field('model', model, style));
  say(field('Temporal', `${stage.address}, UI at ${stage.uiUrl}`, style));

  const full = await turn(stage, FULL_PICTURE);
  (live ? checkAnswered : checkFullPicture)(full.result);
  sayFigures(full.result);
  const turns = [full];
  if (sequential) {
    const slow = await turn(stage, ONE_BY_ONE);
    (live ? checkAnswered : checkOneByOne)(slow.result);
    saySlowFigures(slow.result);
    turns.push(slow);
  }
  const broken = await turn(stage, BROKEN_ORDERS);
  (live ? checkAnswered : checkBrokenOrders)(broken.result);
  sayResults(broken.result);
  turns.push(broken);

  say(`\nThe turns in the Temporal UI:`);
  for (const { id } of turns) say(`  ${style.cyan(await stage.linkTo(id))}`);
}

async function turn(stage: Stage, text: string): Promise<{ id: string; result: TurnResult }> {
  say(`\n${style.bold(`> ${text}`)}\n`);
  const handle = await stage.agents.start('customer-lookup', text);
  if (out.isTTY) await showTurn(handle.watch(), out, style);
  const result = await handle.result();
  if (!out.isTTY) {
    // In a pipe the finished tree says it best. Watching a turn that has ended gives one snapshot.
    for await (const snapshot of handle.watch()) say(treeText(snapshot, undefined, style));
  }
  say('');
  for (const line of wrap(result.text, 76)) say(`  ${line}`);
  return { id: handle.turnId, result };
}

function sayFigures(result: TurnResult): void {
  if (result.calls.length === 0) return;
  const { calls, sum, wall, ratio } = figuresOf(result);
  const faster = style.green(`${ratio.toFixed(2)} times as fast`);
  say('');
  say(field('one by one', `${calls.join(' + ')} = ${sum} ms, the calls as measured`, style));
  say(field('at once', `${style.bold(`${wall} ms`)}, from the first start to the last end`, style));
  say(field('ratio', faster, style));
  say(field('cost', costOf(result), style));
}

function saySlowFigures(result: TurnResult): void {
  const { wall } = figuresOf(result);
  say('');
  say(field('slow way', `${wall} ms, with a reply of the model before every call`, style));
  say(field('cost', costOf(result), style));
}

function costOf({ calls, rounds, usage }: TurnResult): string {
  const { input_tokens, output_tokens } = usage;
  return `${calls.length} calls, ${rounds} model requests, ${input_tokens} tokens in, ${output_tokens} out`;
}

/** What the model has read of each call. */
function sayResults({ messages, calls }: TurnResult): void {
  say(`\n  ${style.dim('What the model has read:')}`);
  const results = messages.flatMap(({ content }) =>
    typeof content === 'string' ? [] : content.filter((block) => block.type === 'tool_result'),
  );
  for (const { tool_use_id, content, is_error } of results) {
    const name = calls.find(({ id }) => id === tool_use_id)?.name ?? tool_use_id;
    const text = oneLine(typeof content === 'string' ? content : JSON.stringify(content));
    const [first = '', ...more] = wrap(is_error === true ? `is_error: ${text}` : text, 60);
    const colour = is_error === true ? style.red : style.dim;
    say(`  ${name.padEnd(14)}${colour(first)}`);
    for (const line of more) say(' '.repeat(16) + colour(line));
  }
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) await runDemo();

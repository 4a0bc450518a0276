/** What V8 writes with `--cpu-prof`, as far as it is needed here. Times are in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** By the clock of `process.hrtime`. */
  readonly startTime: number;
  /** Ids of the nodes that ran, and how long after the one before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** A function in the stack of those that called it. */
export interface Frame {
  readonly name: string;
  /** Time, including the functions that it called. */
  total: number;
  /** Time, without those. */
  self: number;
  readonly children: Map<string, Frame>;
}

/** The thread was waiting, or ran code that V8 does not see. */
const OUTSIDE = new Set(['(idle)', '(program)']);

/** Adds profiles of several threads up, without what was before the time `from`. */
export function mergeProfiles(profiles: readonly CpuProfile[], from = 0): Frame {
  const root = frameOf('all');
  for (const profile of profiles) {
    const self = selfTimes(profile, from);
    const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
    const add = (id: number, parent: Frame): number => {
      const node = nodes.get(id);
      if (node === undefined || OUTSIDE.has(node.callFrame.functionName)) return 0;
      const frame = id === profile.nodes[0]?.id ? parent : childOf(parent, nameOf(node));
      const own = self.get(id) ?? 0;
      const below = (node.children ?? []).reduce((sum, child) => sum + add(child, frame), 0);
      frame.self += own;
      frame.total += own + below;
      return own + below;
    };
    add(profile.nodes[0]?.id ?? 0, root);
  }
  return root;
}

function selfTimes(
  { samples, timeDeltas, startTime }: CpuProfile,
  from: number,
): Map<number, number> {
  const times = new Map<number, number>();
  let now = startTime;
  for (const [i, id] of samples.entries()) {
    now += timeDeltas[i] ?? 0;
    if (now < from) continue;
    times.set(id, (times.get(id) ?? 0) + (timeDeltas[i + 1] ?? 0));
  }
  return times;
}

function childOf(parent: Frame, name: string): Frame {
  const known = parent.children.get(name);
  if (known !== undefined) return known;
  const frame = frameOf(name);
  parent.children.set(name, frame);
  return frame;
}

function frameOf(name: string): Frame {
  return { name, total: 0, self: 0, children: new Map() };
}

/** The function and its package or file. */
function nameOf({ callFrame: { functionName, url } }: ProfileNode): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  const packageName = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  const place = packageName ?? url.split('/').slice(-2).join('/');
  return place === '' ? name : `${name} (${place})`;
}

/** The functions that take most of the time themselves, wherever they are called. */
export function topFunctions(root: Frame, count: number): { name: string; share: number }[] {
  const times = new Map<string, number>();
  const visit = (frame: Frame) => {
    times.set(frame.name, (times.get(frame.name) ?? 0) + frame.self);
    for (const child of frame.children.values()) visit(child);
  };
  visit(root);
  return [...times]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, time]) => ({ name, share: time / root.total }));
}

const WIDTH = 1_200;
const ROW = 17;
/** Narrower boxes cannot be seen. */
const NARROWEST = 1;
const DEEPEST = 60;
const CHARACTER = 6.2;

/** As an SVG picture: callers above the functions that they called, each as wide as its time. */
export function flameGraph(title: string, root: Frame): string {
  const boxes: string[] = [];
  let depth = 0;
  const draw = (frame: Frame, x: number, level: number) => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < NARROWEST || level > DEEPEST) return;
    depth = Math.max(depth, level);
    boxes.push(box(frame, { x, level, width, share: frame.total / root.total }));
    let from = x;
    for (const child of [...frame.children.values()].toSorted((a, b) => b.total - a.total)) {
      draw(child, from, level + 1);
      from += (child.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const height = (depth + 1) * ROW + 28;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">`,
    '<style>text { font: 11px monospace; fill: #222; } rect { stroke: #fff; stroke-width: 0.5; }</style>',
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="4" y="16">${escaped(title)}</text>`,
    ...boxes,
    '</svg>',
    '',
  ].join('\n');
}

interface Box {
  readonly x: number;
  readonly level: number;
  readonly width: number;
  readonly share: number;
}

function box({ name }: Frame, { x, level, width, share }: Box): string {
  const y = 24 + level * ROW;
  const room = Math.floor((width - 4) / CHARACTER);
  const text =
    room < 4
      ? ''
      : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(name.slice(0, room))}</text>`;
  return `<g><title>${escaped(name)}: ${(share * 100).toFixed(1)} %</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW}" fill="${colourOf(name)}"/>${text}</g>`;
}

/** Plait blue, Temporal's SDK orange, Node and V8 grey, the rest yellow. */
function colourOf(name: string): string {
  if (/\((plait|dist\/|core\/|workflows\/|activities\/|worker\/|workflow-bundle)/.test(name))
    return '#9ec5fe';
  if (name.includes('(@temporalio/')) return '#fdba74';
  if (/\(node:|^\(|^[^(]*$/.test(name)) return '#d4d4d8';
  return '#fde68a';
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** How the time of a turn was spent. In milliseconds, by the clocks of the server and of the workers. */
export interface TurnTiming {
  /** From the start of the turn to its end; of a turn that runs, or has failed, up to where it has come. */
  wallTime: number;
  /** Most calls that ran at the same moment; 0 where none ran. */
  width: number;
  /** What the turn would have taken if the calls of each reply had run one after another. */
  oneAfterAnother: number;
  /** `oneAfterAnother / wallTime`, to a hundredth: 1 where no two calls ran at the same time. */
  speedUp: number;
  /** What the turn waited for, moment by moment. The four add up to `wallTime`. */
  shares: TimeShares;
}

/** Parts of the wall time, in milliseconds. */
export interface TimeShares {
  /** The model was asked, with all attempts and the time between them. */
  model: number;
  /** Calls ran, and the model was not asked: each from its start to its end, with all attempts. */
  tools: number;
  /** Nothing ran, and a call waited for a person. */
  people: number;
  /** The rest: task queues, Temporal's own work, and time without a worker. */
  temporal: number;
}

/** What a turn adds up while it runs. It does not grow with the number of rounds. */
export interface TurnTimes {
  model: number;
  tools: number;
  people: number;
  /** The sum over all calls. */
  calls: number;
  width: number;
}

const NO_TIMES: TurnTimes = { model: 0, tools: 0, people: 0, calls: 0, width: 0 };

/** When a call ran; milliseconds since the epoch. `start` and `end` are equal if it never ran. */
export interface TimedCall {
  start: number;
  end: number;
  /** It began before its reply was complete. */
  startedEarly?: true;
  /** Until when it waited for a person, if it did. */
  waitedUntil?: number;
  /** When it waited for a person after it had begun, because its server asked one. */
  asked?: readonly Span[];
}

interface Span {
  start: number;
  end: number;
}

/** The model was asked for this long. */
export function addModelTime(times: TurnTimes = NO_TIMES, { start, end }: Span): TurnTimes {
  return { ...times, model: times.model + Math.max(0, end - start) };
}

/** The calls of a reply ran or waited between these two moments. */
export function addBatchTime(
  times: TurnTimes = NO_TIMES,
  calls: readonly TimedCall[],
  batch: Span,
): TurnTimes {
  const asked = calls.flatMap((call) => call.asked ?? []).map((span) => clipped(span, batch));
  const ran = calls
    .filter(({ start, end }) => end > start)
    .flatMap((call) => without(placed(call, batch), call.asked ?? []));
  const busy = union(ran.map((span) => clipped(span, batch)));
  const decided = Math.max(batch.start, ...calls.map(({ waitedUntil = 0 }) => waitedUntil));
  const waited = union([clipped({ start: batch.start, end: decided }, batch), ...asked]);
  return {
    model: times.model,
    tools: times.tools + lengthOf(busy),
    people: times.people + lengthOf(waited.flatMap((span) => without(span, busy))),
    calls: times.calls + lengthOf(ran),
    width: Math.max(times.width, widthOf(ran)),
  };
}

/** The figures of a turn that has lasted this many milliseconds. */
export function timingOf(times: TurnTimes = NO_TIMES, wallTime: number): TurnTiming {
  const { model, tools, people, calls, width } = times;
  const wall = Math.max(wallTime, model + tools + people);
  const oneAfterAnother = wall - tools + calls;
  return {
    wallTime: wall,
    width,
    oneAfterAnother,
    speedUp: wall === 0 ? 1 : Math.round((100 * oneAfterAnother) / wall) / 100,
    shares: { model, tools, people, temporal: wall - model - tools - people },
  };
}

/**
 * The calls that determined how long a batch lasted, by index: the one that ended last, the one whose end
 * started that one, and so on. If any of them had been faster, the batch would have been too.
 */
export function criticalCalls(
  last: number | undefined,
  startedAfter: (index: number) => number | undefined,
): number[] {
  const critical = new Set<number>();
  let next = last;
  while (next !== undefined && !critical.has(next)) {
    critical.add(next);
    next = startedAfter(next);
  }
  return [...critical];
}

/** The call moved into its batch, in case the worker's clock is ahead of the server's or behind it. */
function placed({ start, end, startedEarly }: TimedCall, batch: Span): Span {
  const late = Math.max(0, end - batch.end);
  const early = startedEarly === true ? 0 : Math.max(0, batch.start - (start - late));
  return { start: start - late + early, end: end - late + early };
}

function clipped({ start, end }: Span, to: Span): Span {
  const from = Math.min(Math.max(start, to.start), to.end);
  return { start: from, end: Math.max(from, Math.min(end, to.end)) };
}

/** The parts of a span outside of the others. */
function without(span: Span, others: readonly Span[]): Span[] {
  return others.reduce<Span[]>(
    (left, { start, end }) =>
      left.flatMap((one) =>
        [
          { start: one.start, end: Math.min(one.end, start) },
          { start: Math.max(one.start, end), end: one.end },
        ].filter((piece) => piece.end > piece.start),
      ),
    [span],
  );
}

/** The same moments, each in only one span. */
function union(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else merged.push({ ...span });
  }
  return merged;
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}

function widthOf(spans: readonly Span[]): number {
  const steps = spans.flatMap(({ start, end }) => [
    { at: start, by: 1 },
    { at: end, by: -1 },
  ]);
  let width = 0;
  let open = 0;
  // At the same moment, ends come before starts.
  for (const { by } of steps.toSorted((a, b) => a.at - b.at || a.by - b.by)) {
    open += by;
    width = Math.max(width, open);
  }
  return width;
}

import type { TraceContext } from './context.ts';

/** What the interceptors of a workflow and the workflow itself tell each other about its trace. */
export class TraceCarrier {
  /** What it was started by. */
  from: TraceContext | undefined;
  /** What its child workflows belong to, by their ids. */
  readonly children = new Map<string, TraceContext>();
}

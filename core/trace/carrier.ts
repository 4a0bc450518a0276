import type { TraceContext } from './context.ts';

/** Carries a workflow's trace between its interceptors and the workflow itself. */
export class TraceCarrier {
  /** The span that started the workflow. */
  from: TraceContext | undefined;
  /** The spans that its child workflows belong to, by their ids. */
  readonly children = new Map<string, TraceContext>();
}

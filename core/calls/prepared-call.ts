import type { Access } from './access.ts';

/**
 * What only worker code can decide about a call, because schemas are functions and workflow code
 * has only data. Decided right after the reply and recorded with it, at no extra hop.
 */
export type PreparedCall =
  | {
      type: 'ready';
      /** The short arguments, shown beside the tool's name in the Temporal UI. */
      summary: string;
      /** What it touches; absent where it touches nothing that others do. */
      access?: Access;
      /** It waits for a person. */
      approval?: true;
    }
  | {
      type: 'refused';
      /** Why the call cannot run (unknown tool, input against the schema), told to the model. */
      message: string;
      /** What it would have touched, where others do not run without it. */
      access?: Access;
    };

/** The pinned agent has the tool, and that of the worker which had the reply has not: another one may. */
export interface MissingCall {
  type: 'missing';
}

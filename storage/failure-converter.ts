// Temporal loads this module by its path: with `require` in workers and clients, and in the bundle of the
// workflows. In the repository Node 20 reads the file as it is, so it has no types.
import { DefaultFailureConverter } from '@temporalio/common';

/** Puts messages and stack traces of failures into a payload, so that codecs encrypt them. */
export const failureConverter = Object.assign(
  new DefaultFailureConverter({ encodeCommonAttributes: true }),
  // Bundles are searched for this text: one that contains it contains this module.
  { mark: 'plait.encodedFailures' },
);

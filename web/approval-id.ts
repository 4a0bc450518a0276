// The id that a page sends back with its decision names the call itself, so that no state is needed here.

/** A call that waits for a person. */
export interface Asked {
  turnId: string;
  /** The round whose reply asked for it, from 1. */
  round: number;
  callId: string;
}

export function approvalIdOf({ turnId, round, callId }: Asked): string {
  return `${turnId}/${round}/${callId}`;
}

/** `undefined` for a text that `approvalIdOf` has not made. */
export function readApprovalId(id: string): Asked | undefined {
  const [, turnId, round, callId] = /^(.+)\/(\d{1,9})\/([^/]+)$/s.exec(id) ?? [];
  if (turnId === undefined || callId === undefined) return undefined;
  return { turnId, round: Number(round), callId };
}

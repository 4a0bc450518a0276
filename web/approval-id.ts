// What a page sends back with its decision names the call by itself, so that nothing has to be remembered here.

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

/** `undefined` for what `approvalIdOf` has not made. */
export function readApprovalId(id: string): Asked | undefined {
  const [, turnId, round, callId] = /^(.+)\/(\d{1,9})\/([^/]+)$/s.exec(id) ?? [];
  if (turnId === undefined || callId === undefined) return undefined;
  return { turnId, round: Number(round), callId };
}

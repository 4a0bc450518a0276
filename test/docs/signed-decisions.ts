import type { KeyObject } from 'node:crypto';
import { sign, verify } from 'node:crypto';

interface Statement {
  turnId: string;
  callId: string;
  decision: 'approved' | 'denied';
  by: string;
  input: unknown;
}

// All of it is signed, so a signature counts for this decision and no other.
const bytesOf = ({ turnId, callId, decision, by, input }: Statement) =>
  Buffer.from(JSON.stringify([turnId, callId, decision, by, input]));

/** For the service that knows who its users are. Only it has the private key. */
export const proofOf = (statement: Statement, privateKey: KeyObject): string =>
  sign(null, bytesOf(statement), privateKey).toString('base64');

/** For `authorizeDecision` of the workers: `true` accepts a decision, and a text says why not. */
export const acceptsSigned = (publicKey: KeyObject) => (decision: Statement & { proof?: string }) =>
  verify(null, bytesOf(decision), publicKey, Buffer.from(decision.proof ?? '', 'base64')) ||
  'Our approvals service has not signed this decision.';

import { storedData } from '../conversation/stored-data.ts';
import { isRecord } from '../json.ts';
import { WHEN_BUSY } from './protocol.ts';
import {
  checkBatchPolicy,
  checkLimits,
  findInputProblem,
  findOpeningProblem,
} from '../turn/input.ts';

const ARGS = [
  'agent',
  'context',
  'whenBusy',
  'messages',
  'onToolFailure',
  'batchTimeout',
  'storage',
  'limits',
  'onLimit',
];
const SEND = ['input', 'idempotencyKey', 'agent', 'whenBusy'];

/** What is wrong with what a plain client may have sent, or `undefined`. */
export function checkSessionArgs(args: unknown): string | undefined {
  if (!isRecord(args)) return 'agentSession takes one argument: { agent, context?, whenBusy?, … }';
  const { agent, whenBusy, messages, storage } = args;
  const unknown = unknownFields(args, ARGS);
  if (unknown !== undefined) return `unknown field ${unknown}; a session takes ${ARGS.join(', ')}`;
  if (typeof agent !== 'string' || agent === '') return 'agent must be the name of an agent';
  try {
    checkBatchPolicy(args);
    checkLimits(args);
  } catch (error) {
    return (error as Error).message;
  }
  if (storage !== undefined && typeof storage !== 'boolean') return 'storage must be true or false';
  const problem = messages === undefined ? undefined : findOpeningProblem(messages);
  return problem === undefined
    ? (findReferenceProblem(args) ?? checkWhenBusy(whenBusy))
    : `messages: ${problem}`;
}

/**
 * A message whose image cannot be read is forgotten with its turn, and what a session begins with stays. So
 * references count there only where who starts it says that it has a storage, as Plait's client does.
 */
function findReferenceProblem({ messages, storage }: Record<string, unknown>): string | undefined {
  if (storage === true || storedData(messages).length === 0) return undefined;
  return 'messages refer to data in a storage, and the session is started without `storage: true`: give the data itself';
}

export function checkSend(send: unknown): string | undefined {
  if (!isRecord(send)) return 'send takes one argument: { input, idempotencyKey, … }';
  const unknown = unknownFields(send, SEND);
  if (unknown !== undefined) return `unknown field ${unknown}; send takes ${SEND.join(', ')}`;
  return findInputProblem(send['input']) ?? checkWhenBusy(send['whenBusy']);
}

function unknownFields(given: object, known: readonly string[]): string | undefined {
  const unknown = Object.keys(given).filter((key) => !known.includes(key));
  return unknown.length === 0 ? undefined : unknown.join(', ');
}

function checkWhenBusy(whenBusy: unknown): string | undefined {
  if (whenBusy === undefined || (WHEN_BUSY as readonly unknown[]).includes(whenBusy)) {
    return undefined;
  }
  return `whenBusy must be one of ${WHEN_BUSY.join(', ')}`;
}

import { DeclarationError } from '../agents/declaration-error.ts';
import type { Caller, CallerIdentity } from './caller.ts';
import { callerOf, identityProblem } from './caller.ts';

type Answer<Context> = CallerIdentity<Context> | Response | undefined;

/** Says who makes a request; `undefined` for nobody who is known, or an answer of its own. */
export type Authorize<Context = unknown> = (
  request: Request,
) => Answer<Context> | Promise<Answer<Context>>;

interface Rejecting {
  /** The function of whose options `authorize` is one. */
  handler: string;
  /** Called with errors that callers do not see. */
  onError: (error: unknown) => void;
  /** Makes the answer to a request that nobody may make. */
  reject: (status: 401 | 500, message: string, headers?: Record<string, string>) => Response;
}

/** Who makes the request, or the answer to one that nobody may make. */
export async function callerOfRequest(
  request: Request,
  authorize: Authorize,
  { handler, onError, reject }: Rejecting,
): Promise<Caller | Response> {
  try {
    const identity = await authorize(request);
    if (identity === undefined) {
      return reject(401, 'This server does not know who you are.', {
        'www-authenticate': 'Bearer',
      });
    }
    if (identity instanceof Response) return identity;
    const problem = identityProblem(identity);
    if (problem !== undefined) throw new DeclarationError(`${handler}: authorize: ${problem}`);
    return callerOf(identity);
  } catch (error) {
    onError(error);
    return reject(500, 'The server could not find out who you are.');
  }
}

/** What handlers do with errors that callers do not see, where nobody says otherwise. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error.message : String(error), 'PlaitWarning');
}

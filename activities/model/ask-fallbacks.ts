import type { Context } from '@temporalio/activity';
import type { AgentSpec } from '../../core/agent-spec.ts';
import { isOverloaded } from '../../core/failures.ts';
import { nextFallback } from '../../core/turn/fallback.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { modelFailure } from './ask-model.ts';

/**
 * Attempts before an overloaded model is left. Mostly it passes, and another model has nothing of the
 * conversation in its cache.
 */
const PATIENT_ATTEMPTS = 2;

/**
 * Asks `first`, and where it stays overloaded the fallbacks behind it. Which of them depends on the
 * attempt and on nothing that a process remembers: each attempt begins with `first`.
 */
export async function askFallbacks(
  { info, log }: Context,
  spec: AgentSpec,
  first: string,
  ask: (model: string) => Promise<ModelReply>,
): Promise<{ reply: ModelReply; by: string }> {
  for (let model = first; ;) {
    try {
      return { reply: await ask(model), by: model };
    } catch (error) {
      const next = shouldLeave(error, info.attempt)
        ? nextFallback(spec, model, 'overloaded')
        : undefined;
      if (next === undefined) throw error;
      log.warn('The model is overloaded, so its fallback is asked', { model, fallback: next });
      model = next;
    }
  }
}

function shouldLeave(error: unknown, attempt: number): boolean {
  const failure = modelFailure(error);
  if (failure === undefined || !isOverloaded(failure.report)) return false;
  return attempt > PATIENT_ATTEMPTS || failure.final;
}

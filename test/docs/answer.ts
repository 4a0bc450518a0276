import type { TurnHandle } from 'plait/client';

/** Asks a person what servers ask in a turn. `ask` resolves with `undefined` if the person declines. */
export async function putQuestions(
  turn: TurnHandle,
  by: string,
  ask: (message: string, schema: object) => Promise<Record<string, number | string> | undefined>,
): Promise<void> {
  for (const { callId, question } of await turn.approvals()) {
    if (question?.type !== 'form') continue;
    const { message, schema, number } = question;
    const answer = await ask(message, schema);
    if (answer === undefined) await turn.deny(callId, { by, question: number });
    else await turn.approve(callId, { by, question: number, answer });
  }
}

/** Sent replies; a real one would be an e-mail. */
export const outbox: string[] = [];

export async function sendReply(customer: string, text: string): Promise<void> {
  outbox.push(`${customer}: ${text}`);
}

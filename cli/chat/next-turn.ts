/** A message of this chat whose turn has not been shown yet. */
export interface Sent {
  text: string;
  /** The running turn that may read it. */
  joins?: string | undefined;
}

/** What is known when the chat decides which turn to show next. */
export interface TurnsNow {
  /** According to the session. */
  running: string | undefined;
  waiting: readonly string[];
  sent: ReadonlyMap<string, Sent>;
  shown: ReadonlySet<string>;
}

export type NextTurn =
  | { type: 'show'; turnId: string }
  /** The session does not know yet that a turn has ended. */
  | { type: 'ask again' }
  | { type: 'nothing' };

/** Which turn to show next: one of this chat that has already ended, or the one that runs. Pure. */
export function nextTurn({ running, waiting, sent, shown }: TurnsNow): NextTurn {
  const isShowable = (turnId: string) => !shown.has(turnId) && !waiting.includes(turnId);
  for (const [turnId, { joins }] of sent) {
    // The result of the joined turn says whether it has read the message.
    const shows = joins === undefined || shown.has(joins) ? turnId : joins;
    if (shows !== running && isShowable(shows)) return { type: 'show', turnId: shows };
  }
  if (running !== undefined && isShowable(running)) return { type: 'show', turnId: running };
  return sent.size > 0 || waiting.length > 0 ? { type: 'ask again' } : { type: 'nothing' };
}

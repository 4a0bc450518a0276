/** A message of this chat whose turn was not shown yet. */
export interface Sent {
  text: string;
  /** The running turn that may take it in. */
  joins?: string | undefined;
}

/** What is known when the chat asks which turn to show next. */
export interface TurnsNow {
  /** As the session says. */
  running: string | undefined;
  waiting: readonly string[];
  sent: ReadonlyMap<string, Sent>;
  shown: ReadonlySet<string>;
}

export type NextTurn =
  | { type: 'show'; turnId: string }
  /** The session has not noticed yet that a turn has ended. */
  | { type: 'ask again' }
  | { type: 'nothing' };

/** Which turn to show next: one of ours that has ended meanwhile, or the one that runs. Pure. */
export function nextTurn({ running, waiting, sent, shown }: TurnsNow): NextTurn {
  const isShowable = (turnId: string) => !shown.has(turnId) && !waiting.includes(turnId);
  for (const [turnId, { joins }] of sent) {
    // The result of the other turn tells whether it has taken the message in.
    const shows = joins === undefined || shown.has(joins) ? turnId : joins;
    if (shows !== running && isShowable(shows)) return { type: 'show', turnId: shows };
  }
  if (running !== undefined && isShowable(running)) return { type: 'show', turnId: running };
  return sent.size > 0 || waiting.length > 0 ? { type: 'ask again' } : { type: 'nothing' };
}

import { defineSignal, setHandler } from '@temporalio/workflow';
import type { Note, NoteStyle } from '../core/notes.ts';
import { placeNotes } from '../core/notes.ts';
import { NOTE_SIGNAL } from '../core/turn-messages.ts';
import type { TurnState } from '../core/turn-state.ts';
import { commitNotes } from '../core/turn-state.ts';

const noteSignal = defineSignal<[Note]>(NOTE_SIGNAL);

/**
 * What people send while the turn runs. A run cannot end with a signal that it has not seen: the server
 * has it decide again.
 */
export class Notes {
  waiting: readonly Note[];

  constructor(notes: readonly Note[] = []) {
    this.waiting = notes;
    setHandler(noteSignal, (note) => {
      this.waiting = [...this.waiting, note];
    });
  }

  /** Puts those that may stand here into the conversation. */
  place(
    state: TurnState,
    place: 'after results' | 'after end_turn',
    style: NoteStyle = 'user',
  ): TurnState {
    const { waiting, ...placed } = placeNotes(this.waiting, place, style);
    this.waiting = waiting;
    return commitNotes(state, placed);
  }
}

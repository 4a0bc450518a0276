import { defineSignal, setHandler } from '@temporalio/workflow';
import type { SteeringMessage, SteeringStyle } from '../core/turn/steering.ts';
import { placeSteering } from '../core/turn/steering.ts';
import { STEER_SIGNAL } from '../core/turn/protocol.ts';
import type { TurnState } from '../core/turn/state.ts';
import { commitSteering } from '../core/turn/state.ts';

const noteSignal = defineSignal<[SteeringMessage]>(STEER_SIGNAL);

/**
 * What people send while the turn runs. A run cannot end with a signal that it has not seen: the server
 * has it decide again.
 */
export class Steering {
  waiting: readonly SteeringMessage[];

  constructor(notes: readonly SteeringMessage[] = []) {
    this.waiting = notes;
    setHandler(noteSignal, (note) => {
      this.waiting = [...this.waiting, note];
    });
  }

  /** Puts those that may stand here into the conversation. */
  place(
    state: TurnState,
    place: 'after results' | 'after end_turn',
    style: SteeringStyle = 'user',
  ): TurnState {
    const { waiting, ...placed } = placeSteering(this.waiting, place, style);
    this.waiting = waiting;
    return commitSteering(state, placed);
  }
}

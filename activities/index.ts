/**
 * The entry point for a worker that you already have: the activities that it adds to its own.
 *
 * @module plait/activities
 */

export { createActivities } from './create-activities.ts';
export type { ActivitiesOptions } from './create-activities.ts';

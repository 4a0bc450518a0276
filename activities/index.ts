export { createActivities } from './create-activities.ts';
export type { ActivitiesOptions, PlaitActivities } from './create-activities.ts';
export type { ModelClient } from './model/client.ts';

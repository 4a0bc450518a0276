import type { ActivitiesOptions } from '../activities/create-activities.ts';
import type { AgentDefinition } from '../agents/define-agent.ts';

/** Options of the Anthropic SDK that are credentials, or may provide one. */
const OPTIONS = [
  'apiKey',
  'authToken',
  'credentials',
  'config',
  'profile',
  'defaultHeaders',
  'fetch',
];
const VARIABLES = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'ANTHROPIC_PROFILE',
  'ANTHROPIC_FEDERATION_RULE_ID',
  'ANTHROPIC_CUSTOM_HEADERS',
];

export const NO_CREDENTIAL =
  'ANTHROPIC_API_KEY is not set, and no other credential was found. To run without one: plait dev <module> --model scripted';

/** Whether a worker has any way to ask the model: a client, an option or a variable. */
export function hasCredential(
  anthropic?: ActivitiesOptions['anthropic'],
  env: NodeJS.ProcessEnv = process.env,
): boolean {
  const options: object = anthropic ?? {};
  return (
    'messages' in options ||
    Object.entries(options).some(([name, value]) => OPTIONS.includes(name) && value != null) ||
    VARIABLES.some((name) => (env[name] ?? '') !== '')
  );
}

/** Whether a worker of these queues asks the model at all. */
export function asksModel(
  agents: readonly AgentDefinition[],
  turns: string,
  queues: readonly string[],
): boolean {
  return agents.some(({ modelTaskQueue = turns }) => queues.includes(modelTaskQueue));
}

/**
 * What a worker registers: the workflows, by their type. Safe for the sandbox; nothing else may be
 * exported here, since the worker takes every export for a workflow, but the interceptors, which have this name
 * in every such module.
 *
 * @module plait/workflows
 */

export { agentTurn } from './agent-turn.ts';
export { agentSession } from './agent-session.ts';
export { interceptors } from './interceptors.ts';

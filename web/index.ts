/**
 * Agents for web pages: their turns and sessions in the protocol that `useChat` of the AI SDK speaks.
 *
 * @module plait/web
 */

export { chatHandler } from './chat-handler.ts';
export type { ChatHandler, ChatHandlerOptions, ChatIdentity } from './chat-handler.ts';

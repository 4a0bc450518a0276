/**
 * Agents for web pages: their turns and sessions in the protocols that `useChat` of the AI SDK and AG-UI speak.
 *
 * @module plait/web
 */

export { chatHandler } from './chat-handler.ts';
export type { ChatHandler, ChatHandlerOptions, ChatIdentity } from './chat-handler.ts';

import type { EventEmitter } from 'node:events';
import type { StreamTransport } from 'plait/transport';

/** For workers and clients in one process. Yours has the message bus that you already have. */
export function busTransport(bus: EventEmitter): StreamTransport {
  return {
    async publish(channel, message) {
      bus.emit(channel, message);
    },
    async subscribe(channel, onMessage) {
      bus.on(channel, onMessage);
      return () => void bus.off(channel, onMessage);
    },
  };
}

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { openTelemetry, plaitIdGenerator } from 'plait/telemetry';
import { createWorker } from 'plait/worker';
import { support } from './support.ts';

/** Run it first, in the worker and in the program that starts turns. */
export function registerTraces(url?: string): void {
  const provider = new NodeTracerProvider({
    idGenerator: plaitIdGenerator(), // needed
    spanProcessors: [
      new BatchSpanProcessor(new OTLPTraceExporter(url === undefined ? {} : { url })),
    ],
  });
  provider.register();
}

export const createTracedWorker = () =>
  createWorker({ agents: [support], traces: openTelemetry() });

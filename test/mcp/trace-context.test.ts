import { expect, onTestFinished, test } from 'vitest';
import { traceContext } from '../../mcp/trace-context.ts';

const API = Symbol.for('opentelemetry.js.api.1');

function register(api: object): void {
  const before: unknown = Reflect.get(globalThis, API);
  Reflect.set(globalThis, API, api);
  onTestFinished(() => void Reflect.set(globalThis, API, before));
}

type Setter = { set: (carrier: object, name: string, value: string) => void };

test('a call belongs to the trace in which it runs', () => {
  register({
    context: { active: () => 'active' },
    propagation: {
      inject: (context: unknown, carrier: object, { set }: Setter) => {
        set(carrier, 'traceparent', `00-${String(context)}-01`);
        set(carrier, 'x-vendor', 'not of MCP');
      },
    },
  });
  expect(traceContext()).toEqual({ traceparent: '00-active-01' });
});

test('without telemetry, or with one that throws, there is no context', () => {
  expect(traceContext()).toEqual({});
  register({ propagation: {} });
  expect(traceContext()).toEqual({});
  register({
    context: { active: () => undefined },
    propagation: {
      inject: () => {
        throw new Error('broken');
      },
    },
  });
  expect(traceContext()).toEqual({});
});

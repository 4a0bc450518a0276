/** The part of what OpenTelemetry's API registers for all copies of itself that is used here. */
interface Telemetry {
  context?: { active(): unknown };
  propagation?: {
    inject(context: unknown, carrier: object, setter: { set: typeof set }): void;
  };
}

/** MCP's names for it in `_meta`, which are those of W3C. https://modelcontextprotocol.io/seps/414 */
const NAMES: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage']);

/**
 * The trace in which a call runs, for `_meta` of its request; empty if no telemetry is registered. Read from
 * the global that every copy of `@opentelemetry/api` 1.x shares, since the package may not be installed.
 */
export function traceContext(): Record<string, string> {
  const registered: unknown = Reflect.get(globalThis, Symbol.for('opentelemetry.js.api.1'));
  const { context, propagation } = (registered ?? {}) as Telemetry;
  const carrier: Record<string, string> = {};
  try {
    if (context !== undefined) propagation?.inject(context.active(), carrier, { set });
  } catch {
    // A call must not fail because of its trace.
  }
  return carrier;
}

function set(carrier: Record<string, string>, name: string, value: string): void {
  if (NAMES.has(name)) carrier[name] = value;
}

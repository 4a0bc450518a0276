import type { Client, WorkflowClient, WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { TraceContext } from '../core/trace/context.ts';
import { TRACE_HEADER } from '../core/trace/context.ts';
import type { StartSpan, Traces } from '../core/trace/traces.ts';

/**
 * Makes a request as a span, which goes with it in a header.
 *
 * @param traces where the span goes. @default there is none
 */
export async function traced<T>(
  traces: Traces | undefined,
  client: Client,
  about: StartSpan,
  request: (workflow: WorkflowClient) => Promise<T>,
): Promise<T> {
  if (traces === undefined) return await request(client.workflow);
  return await traces.start(about, (context) =>
    request(context === undefined ? client.workflow : withHeader(client.workflow, context)),
  );
}

/** The same client, but its requests have the header. Interceptors of its own come first, and keep theirs. */
function withHeader(workflow: WorkflowClient, context: TraceContext): WorkflowClient {
  const header = { [TRACE_HEADER]: defaultPayloadConverter.toPayload(context) };
  const own: WorkflowClientInterceptor = {
    startWithDetails: (input, next) => next({ ...input, headers: { ...header, ...input.headers } }),
    startUpdate: (input, next) => next({ ...input, headers: { ...header, ...input.headers } }),
    startUpdateWithStart: (input, next) =>
      next({ ...input, updateHeaders: { ...header, ...input.updateHeaders } }),
  };
  const { interceptors } = workflow.options;
  const all = Array.isArray(interceptors)
    ? [...interceptors, own]
    : // The older form creates an interceptor for each workflow.
      { ...interceptors, calls: [...(interceptors.calls ?? []), () => own] };
  const options = { ...workflow.options, interceptors: all };
  return Object.create(workflow, { options: { value: options } }) as WorkflowClient;
}

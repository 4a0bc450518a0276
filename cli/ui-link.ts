import type { Client } from '@temporalio/client';
import { isRecord } from '../core/json.ts';

const ANSWER_MS = 1_000;
/** A development server's UI is this far above its port by default. */
const UI_PORT_OFFSET = 1_000;

/** The URL of this server's Temporal UI; `undefined` if it cannot be found. */
export async function findUi(client: Client, address: string): Promise<string | undefined> {
  if (/\.tmprl\.cloud(:\d+)?$/.test(address)) return 'https://cloud.temporal.io';
  const [, host, port] = /^(localhost|127\.0\.0\.1):(\d+)$/.exec(address) ?? [];
  if (host === undefined) return undefined;
  const url = `http://${host}:${Number(port) + UI_PORT_OFFSET}`;
  return (await isUiOf(client, url)) ? url : undefined;
}

/** The page of a workflow. */
export function uiLink(uiUrl: string, namespace: string, workflowId: string): string {
  return `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
}

/** Another program, or the UI of another server, may have the port. */
async function isUiOf(client: Client, url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const [answer, own] = await Promise.all([
      fetch(`${url}/api/v1/cluster-info`, { signal }),
      client.workflowService.getClusterInfo({}),
    ]);
    const cluster: unknown = await answer.json();
    return isRecord(cluster) && cluster['clusterId'] === own.clusterId;
  } catch {
    return false;
  }
}

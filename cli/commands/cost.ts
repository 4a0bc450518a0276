import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { endOfTurn } from '../../client/end-of-turn.ts';
import { inOrder } from '../../client/in-order.ts';
import { countWorkflows, keyword, listWorkflows } from '../../client/lists.ts';
import { TURN_WORKFLOW } from '../../core/names.ts';
import { AGENT_ATTRIBUTE, agentOf, USER_ATTRIBUTE, userOf } from '../../core/search-attributes.ts';
import type { CostBy, EndedTurn } from '../cost/report.ts';
import { CostSum } from '../cost/report.ts';
import { csvRows, remarks, tableRows, title } from '../cost/rows.ts';
import { csvLines } from '../csv.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { progressOn } from '../progress.ts';
import { say, sayAside } from '../say.ts';
import { clientStorage } from '../storage-setting.ts';
import { styleFor } from '../style.ts';
import { tableLines } from '../table.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { visibleJson } from '../text.ts';

export interface CostOptions {
  /** Milliseconds before now. */
  since: number;
  by: CostBy;
  agent?: string;
  user?: string;
  json?: boolean;
  csv?: boolean;
  storage?: string;
}

/** `plait cost`: what the turns have used up that ended in the last days. */
export async function costCommand(options: CostOptions): Promise<ExitCode> {
  const { by, agent, user, json, csv, storage } = options;
  const client = await connectTo(configuredTarget(), clientStorage(storage));
  const progress = progressOn(process.stderr);
  try {
    const now = new Date();
    const since = new Date(now.getTime() - options.since);
    const wanted = [...keyword(AGENT_ATTRIBUTE, agent), ...keyword(USER_ATTRIBUTE, user)];
    const ended = { closedSince: since };
    const [all, running] = await Promise.all([
      countWorkflows(client, TURN_WORKFLOW, wanted, ended),
      countWorkflows(client, TURN_WORKFLOW, wanted, { status: 'Running' }),
    ]);
    const sum = new CostSum(by);
    let read = 0;
    const runs = listWorkflows(client, TURN_WORKFLOW, wanted, ended);
    for await (const turn of inOrder(runs, (run) => endedTurn(client, run))) {
      sum.add(turn);
      read += 1;
      progress.show(`${read} of ${Math.max(all, read)} turns …`);
    }
    progress.clear();
    const report = sum.report();
    const circumstances = { since, now, running, retentionMs: await retentionOf(client) };
    if (json === true) {
      const { rows, total, turnsWithoutResult } = report;
      const period = { since: since.toISOString(), until: now.toISOString() };
      say(visibleJson({ ...period, by, rows, total, turnsWithoutResult, running }, 2));
    } else if (csv === true) process.stdout.write(csvLines(csvRows(report)).join(''));
    else {
      const layout = { columns: process.stdout.columns, style: styleFor(process.stdout) };
      const [headings, rows] = tableRows(report);
      say(title(by, circumstances));
      for (const line of tableLines(headings, rows, layout)) say(line);
    }
    for (const remark of remarks(report, circumstances)) sayAside(remark);
    return EXIT_CODES.ok;
  } finally {
    progress.clear();
    await client.connection.close();
  }
}

async function endedTurn(client: Client, run: WorkflowExecutionInfo): Promise<EndedTurn> {
  const { workflowId, runId } = run;
  return {
    agent: agentOf(run),
    user: userOf(run),
    end: await endOfTurn(client, workflowId, runId),
  };
}

async function retentionOf({ workflowService, options }: Client): Promise<number | undefined> {
  const { namespace } = options;
  const { config } = await workflowService.describeNamespace({ namespace });
  return optionalTsToMs(config?.workflowExecutionRetentionTtl);
}

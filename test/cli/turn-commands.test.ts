import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import type { ListedSession } from '../../client/index.ts';
import { SEARCH_ATTRIBUTES } from '../../core/search-attributes.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { startTestEnvironment } from '../../testing/environment.ts';
import { cashier, cashierScript, counter, waitingCalls } from '../fixtures/approvals-agent.ts';
import type { Namespace } from '../fixtures/namespace.ts';
import { newNamespace } from '../fixtures/namespace.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { until } from '../fixtures/until.ts';
import type { Ended } from './plait-process.ts';
import { plait } from './plait-process.ts';

let namespace: Namespace;
let environment: TestEnvironment;

beforeAll(async () => {
  const address = inject('temporalAddress');
  namespace = await newNamespace(address, SEARCH_ATTRIBUTES);
  environment = await startTestEnvironment({
    agents: [cashier(counter())],
    script: cashierScript,
    temporal: { address, namespace: namespace.name },
    ...inThisThread,
  });
});

afterAll(async () => {
  await environment.close();
  await namespace[Symbol.asyncDispose]();
});

function run(...args: string[]): Promise<Ended> {
  const env = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: namespace.name,
  };
  return plait(args, { env });
}

describe('turns and sessions on the command line', () => {
  it('are listed, described, cancelled, and waited for by their ids', async ({ expect }) => {
    const { agents } = environment;
    const waiting = await agents.start('cashier', 'one', { turnId: 'ticket-1' });
    const [call] = await waitingCalls(waiting, 1);
    const { sessionId } = await agents.startSession('cashier', { sessionId: 'desk' });

    const described = await run('describe', 'ticket-1');
    expect(described.stdout).toContain(`plait approve ticket-1 ${call?.callId}`);
    expect(described.stdout).toMatch(/used +[\d,]+ tokens in, \d+ out/);
    expect((await run('describe', sessionId)).stdout).toMatch(/status +idle\n +turns +0 ended/);

    expect((await run('cancel', 'ticket-1')).stdout).toMatch(/^Asked turn ticket-1 to stop\./);
    const again = await run('run', '--turn-id', 'ticket-1');
    expect(again.code).toBe(5);
    expect(again.stderr).toMatch(/tokens in, \d+ out/);

    const listed = await until(
      () => run('turns', '--agent', 'cashier', '--status', 'completed'),
      ({ stdout }) => stdout.includes('ticket-1'),
    );
    expect(listed.stdout).toMatch(/^TURN +STATUS +AGENT +STARTED +TOOK +TOKENS/);
    expect(listed.stdout).toMatch(/\nticket-1 +cancelled +cashier +[\w ]+ ago +\S.* in, \d+ out/);
    const cost = await run('cost', '--since', '12h', '--by', 'tool');
    expect(cost.stdout).toMatch(/^Turns that ended from .* UTC, by tool\nTOOL +CALLS +NOT SUCC/);
    expect(cost.stdout).toMatch(/\nrefund +1 +1 +\S.* 1 +[\d,]+ +0 +\d+\ntotal +1 /);
    expect(cost.stderr).toMatch(
      /^Tokens .*\nThe cost of 1 turn is not included: .* no `prices`\.\n$/,
    );
    const csv = await run('cost', '--since', '24h', '--by', 'model', '--agent', 'cashier', '--csv');
    expect(csv.stdout).toMatch(
      /^model,turns,.*,turns_without_price\r\nclaude-\S+,1,\d+,\d+,\d+,\d+,,1\r\n$/,
    );
    const sessions = JSON.parse((await run('sessions', '--json')).stdout) as ListedSession[];
    expect(sessions).toMatchObject([{ sessionId: 'desk', status: 'idle' }]);
  });

  it('produce an error that says where to look, if they do not exist', async ({ expect }) => {
    const { code, stderr } = await run('describe', 'nothing');
    expect(stderr).toMatch(/^plait: There is no turn and no session nothing in namespace .*\n$/);
    expect(code).toBe(2);
  });

  it('are not started for an agent that the worker does not have', async ({ expect }) => {
    const args = ['-q', environment.taskQueue, '--turn-id', 'misspelt', 'cashir', 'one'];
    const { code, stderr } = await run('run', ...args);
    expect(stderr).toMatch(
      /^turn misspelt\n(?:round 1 .*\n)?plait: No agent is named "cashir" .*Did you mean cashier\?.*\n$/,
    );
    expect(code).toBe(6);
    const { stopReason } = await environment.agents.getTurn('misspelt').result();
    expect(stopReason).toBe('cancelled');
  });
});

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import type { TurnHandle } from '../../client/index.ts';
import { AgentClient, TurnFailedError } from '../../client/index.ts';
import { METRICS } from '../../core/metrics.ts';
import { inputTokens } from '../../core/turn/usage.ts';
import type { CallRecord } from '../../index.ts';
import { fault, times } from '../../testing/faults.ts';
import { freePorts } from '../../testing/free-ports.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import type { MessageReply } from '../../testing/messages/reply.ts';
import { callTools, paced, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { startPlait } from '../cli/plait-process.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { desk } from '../fixtures/metered-agents.ts';
import type { Sample } from '../fixtures/prometheus-text.ts';
import { samplesIn, sumBy, tally } from '../fixtures/prometheus-text.ts';
import { insist, until, untilItWaits } from '../fixtures/until.ts';

const COUNT = 'plait_call_duration_seconds_count';

const using = (answer: MessageReply): MessageReply => ({
  ...answer,
  usage: {
    input_tokens: 100,
    output_tokens: 10,
    cache_read_input_tokens: 1_000,
    cache_creation_input_tokens: 200,
  },
});

/** A worker in a process of its own, and what Prometheus reads from it. */
async function meteredWorker(taskQueue: string, modelUrl: string) {
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const module = join(inject('compiled'), 'test/fixtures/metered-agents.js');
  const env = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    ANTHROPIC_BASE_URL: modelUrl,
    ANTHROPIC_API_KEY: 'test',
    PLAIT_METRICS: address,
  };
  const start = () => startPlait(['worker', module, '--task-queue', taskQueue], { env });
  const worker = start();
  const said = await worker.says('Ready.');
  expect(said).toContain(`http://${address}/metrics`);
  const scrape = async (): Promise<Sample[]> => {
    const answer = await fetch(`http://${address}/metrics`);
    return samplesIn(await answer.text()).filter(({ name }) => name.startsWith('plait_'));
  };
  return { worker, scrape, startAnother: start };
}

/** How many a turn has started: one for each call that waits for somebody. */
async function timersOf({ workflow }: TurnHandle): Promise<number> {
  const { events } = await workflow.fetchHistory();
  return (events ?? []).filter((event) => event.timerStartedEventAttributes).length;
}

const total = (samples: readonly Sample[], name: string) => sumBy(samples, name, [])[''] ?? 0;

/** A tool that does not exist has no name in the metrics. */
const tool = ({ name }: CallRecord) => (name === 'invented' ? 'unknown' : name);

test('the metrics of two workers, one of which is killed, add up to what the results say', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plait-metrics-'));
  const at = (file: string) => join(folder, file);
  const [looked, peeked, ended, token] = [at('looked'), at('peeked'), at('ended'), at('token')];
  const hasRun = () => until(() => existsSync(looked) && existsSync(peeked));
  await using model = await startMessagesServer({
    script: script(
      conversation('Do all of it.', [
        // The rest of the reply comes when both have run.
        paced(
          { afterBlock: (index) => (index === 1 ? hasRun() : undefined) },
          using(
            callTools([
              ['look', { file: looked }],
              ['peek', { file: peeked }],
              ['stumble', {}],
              ['break', {}],
              ['pay', {}, 'toolu_pay'],
              ['helper', { prompt: 'Help.' }],
              ['scan', { when: ended, token }],
              ['invented', {}],
            ]),
          ),
        ),
        using(say('Done.')),
      ]),
      conversation('Help.', [using(say('It is fine.'))]),
      conversation('Look twice.', [
        using(
          callTools([
            ['look', { file: looked }],
            ['look', { file: looked }],
          ]),
        ),
      ]),
      conversation('Be patient.', [times(1, fault.overloaded(), using(say('Here I am.')))]),
      conversation('Fail.', [fault.badRequest('no')]),
    ),
  });
  const taskQueue = `metrics-${randomUUID()}`;
  const address = inject('temporalAddress');
  const connection = await Connection.connect(withDefaults({ address }));
  const agents = new AgentClient({ client: new Client({ connection }), taskQueue });
  const first = await meteredWorker(taskQueue, model.url);

  const { code, stderr } = await first.startAnother().ended;
  expect(stderr).toMatch(
    /^plait: Metrics cannot be served at 127.* in use.* a port of its own.*\n$/,
  );
  expect(code).toBe(2);

  const turn = await agents.start(desk, 'Do all of it.');
  const others = await Promise.all([
    agents.execute(desk, 'Look twice.', { limits: { toolCalls: 1 } }),
    agents.execute(desk, 'Be patient.'),
  ]);
  const failed = await agents.execute(desk, 'Fail.').catch((error: unknown) => error);
  await waitingCalls(turn, 1);
  // The others of the turn, and the two of another one.
  const before = await until(first.scrape, (samples) => total(samples, COUNT) === 6 + 2);
  // The last step of the first worker has commands, and is recorded. Otherwise the second one would take it
  // again, and measure it again.
  await writeFile(ended, '');
  await until(
    () => timersOf(turn),
    (count) => count === 2,
  );
  await untilItWaits(turn);
  first.worker.kill();
  await first.worker.ended;
  // Only the second worker takes the last steps of the turn, after it has replayed the others.
  const second = await meteredWorker(taskQueue, model.url);
  await insist(() => turn.approve('toolu_pay', { by: 'Grace' }));
  await insist(async () => agents.completeToolCall(await readFile(token, 'utf8'), 'scanned'));
  const whole = await turn.result();
  const after = await until(
    second.scrape,
    (samples) => total(samples, 'plait_turn_duration_seconds_count') === 1,
  );
  second.worker.kill();
  await second.worker.ended;
  await connection.close();
  await rm(folder, { recursive: true });

  if (!(failed instanceof TurnFailedError)) throw failed;
  const results = [whole, ...others];
  const calls: CallRecord[] = results.flatMap((result) => result.calls);
  const samples = [...before, ...after];
  const sums = (name: string, ...labels: string[]) => sumBy(samples, name, labels);

  // Turns, those of sub-agents too.
  const subAgents = calls.flatMap(({ subAgent }) => subAgent ?? []);
  const turns = [
    ...[...results, ...subAgents].map(({ agent, stopReason, rounds }) => ({
      key: `${agent} ${stopReason}`,
      rounds,
    })),
    { key: 'desk failed', rounds: 0 },
  ];
  expect(sums('plait_turn_duration_seconds_count', 'agent', 'stop_reason')).toEqual(
    tally(turns, ({ key }) => key),
  );
  const rounds = turns.reduce((sum, one) => sum + one.rounds, 0);
  expect(total(samples, 'plait_turn_rounds_sum')).toBe(rounds);
  expect(subAgents).toHaveLength(1);

  // Model requests, tokens and money.
  expect(sums('plait_model_call_duration_seconds_count', 'stop_reason')).toEqual({
    tool_use: 2,
    end_turn: 3,
  });
  expect(rounds).toBe(5);
  expect(sums('plait_model_request_failures_total', 'agent', 'status')).toEqual({
    'desk 529': 1,
    'desk 400': 1,
  });
  expect(total(samples, 'plait_model_call_queue_seconds_count')).toBe(rounds + 2);
  const used = results.map(({ usage }) => usage);
  const tokens = sums('plait_model_tokens_total', 'type');
  expect(tokens).toEqual({
    input: used.reduce((sum, { input_tokens }) => sum + input_tokens, 0),
    output: used.reduce((sum, { output_tokens }) => sum + output_tokens, 0),
    cache_read: used.reduce((sum, usage) => sum + usage.cache_read_input_tokens, 0),
    cache_write: used.reduce((sum, usage) => sum + usage.cache_creation_input_tokens, 0),
  });
  const { output, ...input } = tokens;
  expect(Object.values(input).reduce((sum, value) => sum + value, 0)).toBe(
    used.reduce((sum, usage) => sum + inputTokens(usage), 0),
  );
  expect(total(samples, 'plait_reply_cost_usd_sum')).toBeCloseTo(
    results.reduce((sum, { costUSD = 0 }) => sum + costUSD, 0),
    9,
  );

  // Calls, also those that nobody ran.
  expect(sums(COUNT, 'tool', 'outcome')).toEqual(
    tally(calls, (call) => `${tool(call)} ${call.outcome}`),
  );
  expect(calls.map(({ outcome }) => outcome)).toEqual(
    expect.arrayContaining(['succeeded', 'failed', 'skipped']),
  );
  expect(sums('plait_call_attempts_total', 'tool')).toEqual(
    tally(calls, tool, ({ attempts }) => attempts),
  );
  expect(calls.find(({ name }) => name === 'stumble')?.attempts).toBe(3);
  // A sub-agent has no activity.
  const inActivities = calls.filter(({ subAgent }) => subAgent === undefined);
  expect(sums('plait_call_queue_seconds_count', 'tool')).toEqual(
    tally(inActivities, tool, ({ attempts }) => attempts),
  );
  expect(total(samples, 'plait_batch_calls_count')).toBe(2);
  expect(total(samples, 'plait_batch_calls_sum')).toBe(calls.length);
  expect(sums('plait_approval_wait_seconds_count', 'tool', 'decision')).toEqual({
    'pay approved': 1,
  });

  // Early runs.
  const early = sums('plait_early_runs_total', 'result', 'tool');
  const joined = calls.filter(({ startedEarly }) => startedEarly === true);
  expect(early['joined look']).toBe(joined.length);
  expect(joined.length).toBeGreaterThan(0);
  expect(early['wasted peek']).toBe(1);

  // Every metric was seen, with the labels that are documented beside the SDK's own.
  const own = ['namespace', 'taskQueue', 'workflowType', 'activityType'];
  for (const [name, { labels, type }] of Object.entries(METRICS)) {
    const series = samples.filter((sample) =>
      type === 'counter' ? sample.name === `${name}_total` : sample.name === `${name}_count`,
    );
    expect(series, name).not.toHaveLength(0);
    for (const sample of series) {
      const given = Object.keys(sample.labels).filter((label) => !own.includes(label));
      expect(given.toSorted(), name).toEqual([...labels].toSorted());
    }
  }
  expect(JSON.stringify(samples)).not.toMatch(/toolu_|Grace/);
  expect(output).toBeGreaterThan(0);
});

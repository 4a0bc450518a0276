import { expect, it } from 'vitest';
import { plait, startPlait } from './plait-process.ts';

it('plait demo shows, measures and checks three calls at once, without a key', async () => {
  const { code, stdout, stderr } = await plait(['demo']);
  // On a busy machine the worker may take longer for a step than is usual.
  expect(
    stderr.replaceAll(/\(node:\d+\) PlaitWarning: Turn .* waits for a worker.*\n\(Use .*\n/g, ''),
  ).toBe('');
  expect(code).toBe(0);

  const figures =
    /one by one +(\d+) \+ (\d+) \+ (\d+) = (\d+) ms.*\n +at once +(\d+) ms.*\n +ratio +([\d.]+) times/;
  const [customer = 0, orders = 0, tickets = 0, sum = 0, wall = 0, ratio = 0] =
    figures.exec(stdout)?.slice(1).map(Number) ?? [];
  expect(customer).toBeGreaterThanOrEqual(399);
  expect(orders).toBeGreaterThanOrEqual(499);
  expect(tickets).toBeGreaterThanOrEqual(599);
  expect(sum).toBe(customer + orders + tickets);
  expect(wall).toBeGreaterThanOrEqual(tickets);
  expect(ratio).toBeCloseTo(sum / wall, 1);

  expect(stdout).toMatch(/├ ✖ get_orders .*━/);
  expect(stdout).toContain('is_error: The orders could not be read: connect ECONNREFUSED');
  // It does not link to pages that end with it.
  expect(stdout).toMatch(/With --keep the turns can be looked at in the Temporal UI\.\n$/);
  expect(stdout).not.toContain('/workflows/');
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
});

it('plait demo --keep keeps running, so that the links to its turns work', async () => {
  const demo = startPlait(['demo', '--keep']);
  await demo.says('Press Ctrl-C to stop.');
  demo.interrupt();
  const { code, stdout } = await demo.ended;

  expect(code).toBe(0);
  expect(stdout).toMatch(/\/namespaces\/default\/workflows\/full-picture\n/);
  expect(stdout).toMatch(/\/namespaces\/default\/workflows\/broken-orders\n/);
});

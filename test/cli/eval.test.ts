import { join } from 'node:path';
import { describe, inject, it } from 'vitest';
import type { EvalReport } from '../../testing/index.ts';
import { plait, startPlait } from './plait-process.ts';

const SHOP = join(inject('compiled'), 'test/fixtures/shop.eval.js');

describe.concurrent('plait eval', () => {
  it('prints a table and what went wrong, and ends with code 11 if a case did not pass', async ({
    expect,
  }) => {
    // Brings a server of its own.
    const { code, stdout } = await plait(['eval', SHOP]);
    expect(code).toBe(11);
    expect(stdout).toMatch(/^shop \(agent \S+\), scripted model, 1 run of each case\n {3}CASE/m);
    expect(stdout).toMatch(/^✔ {2}sees what is there +1 of 1 run +\d.*s +[\d,]+ in, [\d,]+ out$/m);
    expect(stdout).toMatch(/^✖ {2}looks once +0 of 1 run /m);
    expect(stdout).toMatch(/^ {3}total +1 of 3 cases /m);
    expect(stdout).toContain(`
✖ looks once: 0 of 1 run passed, and 1 must
    run 1: expected no calls after step 1, but round 2 asked for look {"again":true}.

    The turn of tester ended with end_turn after 3 rounds. Its calls:
      round 1  look {} -> succeeded
      round 2  look {"again":true} -> succeeded
`);
    expect(stdout).toMatch(
      /✖ knows everything: 0 of 1 run passed, and 1 must\n {4}run 1: error: .*No conversation of the script matches the user text "What else\?".*\(request req_\d+\)$/m,
    );
  });

  it('prints only the reports of the selected cases with --json and --filter, and ends with code 0 if they passed', async ({
    expect,
  }) => {
    const temporal = inject('temporalAddress');
    const args = [
      'eval',
      SHOP,
      '--filter',
      'SEES',
      '--runs',
      '2',
      '--json',
      '--temporal',
      temporal,
    ];
    const { code, stdout, stderr } = await plait(args);
    const { passed, evals } = JSON.parse(stdout) as { passed: boolean; evals: EvalReport[] };
    expect(code).toBe(0);
    expect(passed).toBe(true);
    const run = { type: 'passed', trajectory: [['look'], ['look']], text: 'One A-17.' };
    expect(evals).toMatchObject([
      {
        name: 'shop',
        model: 'script',
        cases: [{ name: 'sees what is there', passedRuns: 2, runs: [run, run] }],
      },
    ]);
    // What a tool prints does not stand between the JSON.
    expect(stderr).toContain('A tool may print.');
  });

  it('ends at once with code 130 on Ctrl-C during its runs', async ({ expect }) => {
    const process = startPlait(['eval', SHOP, '--runs', '1000']);
    await process.says('A tool may print.');
    process.interrupt();
    const { code, stdout, stderr } = await process.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('Interrupted: there is no report.');
    expect(stdout).not.toContain('CASE');
  });
});

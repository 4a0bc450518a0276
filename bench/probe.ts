import { readFileSync } from 'node:fs';
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { startTemporalServer } from '../testing/temporal-server.ts';
import { Model } from './model.ts';
import { SCENARIOS } from './scenarios.ts';
import { inProcess } from './contenders/in-process.ts';
import { straightforward } from './contenders/straightforward.ts';
import { plait } from './contenders/plait.ts';
import { rightAnswer } from './work.ts';

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: {
    logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} },
  },
});
const server = await startTemporalServer(
  process.env['DEF']
    ? {
        dynamicConfig: {
          'history.transferProcessorMaxPollRPS': '20',
          'history.timerProcessorMaxTimeShift': '1s',
        },
      }
    : {},
);
const model = new Model();
const cs = [
  inProcess(model),
  await straightforward(model, server.address),
  await plait(model, server.address),
];
const n = Number(process.env['N'] ?? 3);
const scpu = () => {
  const f = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(f[11]) + Number(f[12])) * 10;
};
const ncpu = () => {
  const c = process.cpuUsage();
  return (c.user + c.system) / 1000;
};
const med = (a: number[]) => a.toSorted((x, y) => x - y)[Math.floor(a.length / 2)]!;
for (const s of SCENARIOS) {
  if (process.env['ONLY'] && !process.env['ONLY'].split(',').includes(s.name)) continue;
  const right = rightAnswer(s);
  const rows = new Map<string, number[][]>();
  let h: any;
  for (let r = 0; r <= n; r++)
    for (const c of r % 2 ? cs : cs.toReversed()) {
      await model.restart();
      const t = performance.now(),
        s0 = scpu(),
        n0 = ncpu();
      const ids = Array.from({ length: s.turns }, (_, i) => `${c.name}-${s.name}-${r}-${i}`);
      let out = '';
      try {
        const answers = await Promise.all(ids.map((id) => c.runTurn(s.name, id)));
        out = answers.every((a) => a === right) ? 'ok' : 'WRONG ' + answers[0] + right;
      } catch (e) {
        out = String((e as Error).cause ?? e);
      }
      const ms = performance.now() - t;
      await new Promise((f) => setTimeout(f, 150));
      const row = [ms, ncpu() - n0, scpu() - s0];
      h = await c.historyOf?.(ids[0]!);
      if (r > 0)
        rows.set(c.name, [...(rows.get(c.name) ?? []), [...row, h?.events ?? 0, h?.bytes ?? 0]]);
      if (process.env['V'])
        console.log(
          s.name.padEnd(12),
          c.name.padEnd(22),
          r,
          ...row.map((x) => x.toFixed(0).padStart(7)),
          out,
          h?.events,
          h?.bytes,
          model.requests,
        );
    }
  for (const [name, r] of rows) {
    const col = (i: number) => r.map((x) => x[i]!);
    console.log(
      s.name.padEnd(12),
      name.padEnd(22),
      'wall',
      med(col(0)).toFixed(0).padStart(6),
      'min',
      Math.min(...col(0))
        .toFixed(0)
        .padStart(6),
      '| node cpu',
      med(col(1)).toFixed(0).padStart(6),
      'min',
      Math.min(...col(1))
        .toFixed(0)
        .padStart(6),
      '| server cpu',
      med(col(2)).toFixed(0).padStart(6),
      'min',
      Math.min(...col(2))
        .toFixed(0)
        .padStart(6),
      '| events',
      med(col(3)),
      'bytes',
      med(col(4)),
    );
  }
}
for (const c of cs) await c.close();
await model.close();
await server.stop();

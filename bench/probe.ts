import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { startTemporalServer } from '../testing/temporal-server.ts';
import { Model } from './model.ts';
import { SCENARIOS } from './scenarios.ts';
import { inProcess } from './contenders/in-process.ts';
import { straightforward } from './contenders/straightforward.ts';
import { plait } from './contenders/plait.ts';
import { rightAnswer } from './work.ts';

Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} } } });
const server = await startTemporalServer(process.env['DEF'] ? { dynamicConfig: { 'history.transferProcessorMaxPollRPS': '20', 'history.timerProcessorMaxTimeShift': '1s' } } : {});
const model = new Model();
const cs = [inProcess(model), await straightforward(model, server.address), await plait(model, server.address)];
const n = Number(process.env['N'] ?? 3);
for (const s of SCENARIOS) {
  if (process.env['ONLY'] && !process.env['ONLY'].split(',').includes(s.name)) continue;
  const right = rightAnswer(s);
  for (let r = 0; r <= n; r++) for (const c of cs) {
    await model.restart();
    const t = performance.now();
    const ids = Array.from({ length: s.turns }, (_, i) => `${c.name}-${s.name}-${r}-${i}`);
    let out = '';
    try {
      const answers = await Promise.all(ids.map((id) => c.runTurn(s.name, id)));
      out = answers.every((a) => a === right) ? 'ok' : 'WRONG ' + answers[0] + right;
    } catch (e) { out = String((e as Error).cause ?? e); }
    const ms = performance.now() - t;
    const h = await c.historyOf?.(ids[0]!);
    console.log(s.name.padEnd(12), c.name.padEnd(22), r, ms.toFixed(0).padStart(7), out, h?.events, h?.bytes, model.requests);
  }
}
for (const c of cs) await c.close();
await model.close();
await server.stop();

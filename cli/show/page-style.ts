/** The style of the page. The colours of text have a contrast of at least 4.5 to 1 in both schemes. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --back: #fff; --panel: #f5f6f8; --text: #1b1f24; --dim: #57606a;
  --line: #d3d8de; --model: #6f5bd8; --reply: #4a37b0; --tool: #1a7f5a; --early: #46b98d; --bad: #c4322b;
  --wait: #8a929c; --person: #b06a00; --good: #1a7f5a; --focus: #0a58ca; }
@media (prefers-color-scheme: dark) { :root { --back: #15181c; --panel: #1e2329; --text: #e8eaed;
  --dim: #a3abb5; --line: #39414a; --model: #9c8cf2; --reply: #c5bbff; --tool: #3fb98a; --early: #8fe0c0;
  --bad: #ff8078; --wait: #7d8791; --person: #f0b350; --good: #56cf9f; --focus: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.3rem; line-height: 1.3; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p { margin: .25rem 0; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
pre { margin: .4rem 0; padding: .5rem .75rem; background: var(--back); border: 1px solid var(--line);
  border-radius: .3rem; white-space: pre-wrap; }
.dim { color: var(--dim); }
.about { display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin: .25rem 0 0; color: var(--dim); }
.asked { margin: .75rem 0 0; padding-left: .75rem; border-left: 3px solid var(--line); white-space: pre-wrap; }
.findings { list-style: none; margin: .5rem 0; padding: 0; display: grid; gap: .5rem; }
.finding { padding: .6rem .8rem; background: var(--panel); border-left: .35rem solid var(--wait);
  border-radius: .3rem; }
.finding.problem { border-color: var(--bad); }
.finding.done { border-color: var(--good); }
.finding.waits { border-color: var(--person); }
.finding b { font-weight: 600; }
.why { font: .875rem/1.5 ui-monospace, monospace; white-space: pre-wrap; color: var(--bad); }
.rows, .rows ol { list-style: none; margin: 0; padding: 0; }
.rows ol { margin-left: .9rem; border-left: 1px solid var(--line); padding-left: .5rem; }
summary, .axis { display: grid; grid-template-columns: 16rem 1fr 5.5rem; gap: 0 .75rem;
  align-items: center; padding: .2rem .25rem; }
summary { grid-template-columns: max(2rem, 16rem - var(--depth) * (1.4rem + 1px)) 1fr 5.5rem; }
summary { cursor: pointer; border-radius: .3rem; }
summary:hover { background: var(--panel); }
summary:focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
summary::marker, summary::-webkit-details-marker { content: ''; display: none; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.name i { font-style: normal; display: inline-block; width: 1.2em; }
.critical > details > summary .name b { text-decoration: underline; text-underline-offset: .2em; }
.took { text-align: right; font-variant-numeric: tabular-nums; color: var(--dim); }
.bar, .ticks { position: relative; height: 1.1rem; }
.bar { background: repeating-linear-gradient(to right, var(--line) 0 1px, transparent 1px 25%); }
.bar span, .swatch { display: block; position: absolute; top: .15rem; bottom: .15rem; min-width: 2px;
  border-radius: 2px; }
.swatch { position: static; display: inline-block; width: 1.6rem; height: .8rem; vertical-align: -.1rem; }
.ticks span { position: absolute; transform: translateX(-50%); font-size: .75rem; color: var(--dim);
  white-space: nowrap; }
.ticks span:first-child { transform: none; }
.ticks span:last-child { transform: translateX(-100%); }
.attempt { background: var(--tool); }
.model > details > summary .attempt, .swatch.model-asked { background: var(--model); }
.reply { background: var(--reply); }
.early { background: repeating-linear-gradient(90deg, var(--early) 0 5px, var(--tool) 5px 7px); }
.failed, .model > details > summary .failed { background:
  repeating-linear-gradient(45deg, var(--bad) 0 4px, transparent 4px 7px); border: 1px solid var(--bad); }
.queue { background: repeating-linear-gradient(90deg, var(--wait) 0 2px, transparent 2px 5px); }
.backoff { background: linear-gradient(var(--bad), var(--bad)) center / 100% 2px no-repeat; }
.approval { background: repeating-linear-gradient(-45deg, var(--person) 0 3px, transparent 3px 6px);
  border: 1px solid var(--person); }
.conflict { background: linear-gradient(var(--wait), var(--wait)) center / 100% 2px no-repeat; }
.limit { background: linear-gradient(var(--wait), var(--wait)) top / 100% 2px no-repeat,
  linear-gradient(var(--wait), var(--wait)) bottom / 100% 2px no-repeat; }
.outside { border: 2px dotted var(--person); }
.state-failed, .state-timedOut, .state-unknown, .state-retrying, .state-paused { color: var(--bad); }
.state-waiting, .state-denied { color: var(--person); }
.more { margin: .25rem 0 .75rem; padding: .5rem .75rem; background: var(--panel); border-radius: .3rem; }
.more ul { margin: .25rem 0; padding-left: 1.2rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.2rem; margin: .75rem 0 0; padding: 0;
  list-style: none; font-size: .875rem; color: var(--dim); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .75rem; margin: 0; }
.figures > div { padding: .6rem .8rem; background: var(--panel); border-radius: .3rem; }
.figures dt { color: var(--dim); font-size: .875rem; }
.figures dd { margin: 0; font-weight: 600; }
.figures dd small { display: block; font-weight: 400; color: var(--dim); }
.shares { display: flex; height: .9rem; margin: .3rem 0; border-radius: .2rem; overflow: hidden; }
.shares span { display: block; }
.share-model { background: var(--model); }
.share-tools { background: var(--tool); }
.share-people { background: var(--person); }
.share-temporal { background: var(--wait); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
footer { margin-top: 2rem; font-size: .875rem; color: var(--dim); }
@media (max-width: 40rem) {
  summary { grid-template-columns: 1fr auto; }
  .axis { grid-template-columns: 1fr; }
  .axis > :first-child, .axis > :last-child { display: none; }
  .bar { grid-column: 1 / -1; grid-row: 2; }
  .rows ol { margin-left: 0; padding-left: 0; border-left: 0; }
  .name { padding-left: calc(var(--depth) * .75rem); }
}
@media print { .finding, .more, .figures > div { break-inside: avoid; } }
`;

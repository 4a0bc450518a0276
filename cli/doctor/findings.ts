import { doubledPathText } from '../../activities/model/address.ts';
import { MAX_OPEN_BYTES } from '../../core/calls/limiter.ts';
import { defined } from '../../core/json.ts';
import { DEFAULT_TASK_QUEUE } from '../../core/names.ts';
import { SEARCH_ATTRIBUTES } from '../../core/search-attributes.ts';
import { MAX_RESULT_BYTES, STORED_ABOVE_BYTES } from '../../core/turn/payload-room.ts';
import { spanText } from '../text.ts';
import type {
  AgentFacts,
  AttributeFacts,
  Facts,
  QueueFacts,
  QueueState,
  ServerFacts,
} from './facts.ts';

/** The areas of the checks. Scripts rely on these names. */
export type Check =
  | 'server'
  | 'namespace'
  | 'versions'
  | 'searchAttributes'
  | 'taskQueues'
  | 'limits'
  | 'model'
  | 'storage'
  | 'streamTransport'
  | 'clock';

/**
 * - `ok`: nothing to do.
 * - `warning`: turns run, but something will be missing, slow or wrong sooner or later.
 * - `problem`: turns do not start, do not go on, or fail.
 */
export type Level = 'ok' | 'warning' | 'problem';

/** One thing that `plait doctor` has found. */
export interface Finding {
  level: Level;
  check: Check;
  text: string;
  /** What to do; absent if there is nothing to do, or if the text says it. */
  advice?: string;
}

/** The findings, in the order in which a person should read them. Pure. */
export function findingsOf(facts: Facts): Finding[] {
  const { server } = facts;
  return [
    ...(server.type === 'unreachable'
      ? [problem(server.lacksNamespace ? 'namespace' : 'server', server.problem)]
      : [
          serverFinding(server, facts),
          namespaceFinding(server, facts),
          ...attributeFindings(server.attributes, facts),
          ...server.queues.flatMap(queueFindings),
          ...limitFindings(server, facts),
          clockFinding(server),
        ]),
    ...versionFindings(facts),
    ...modelFindings(facts),
    storageFinding(facts),
    ...transportFindings(facts),
  ];
}

/** Whether turns can run. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level !== 'problem');
}

const ok = (check: Check, text: string): Finding => ({ level: 'ok', check, text });

const warning = (check: Check, text: string, advice: string): Finding => ({
  level: 'warning',
  check,
  text,
  advice,
});

const problem = (check: Check, text: string, advice?: string): Finding => ({
  level: 'problem',
  check,
  text,
  ...defined({ advice }),
});

/** The oldest server that Plait is tested with. */
const OLDEST_SERVER = [1, 28] as const;

function serverFinding({ version, roundTripMs }: ServerFacts, { address }: Facts): Finding {
  const text = `Temporal ${version} answers at ${address} in ${Math.round(roundTripMs)} ms.`;
  if (isAtLeast(version, OLDEST_SERVER)) return ok('server', text);
  const oldest = OLDEST_SERVER.join('.');
  return warning(
    'server',
    `${text} Plait is tested with ${oldest} and later.`,
    `Upgrade the Temporal server to ${oldest} or later.`,
  );
}

/** A version that does not start with numbers, such as one of a custom build, is not judged. */
function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, ownMajor, ownMinor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (ownMajor === undefined) return true;
  return Number(ownMajor) > major || (Number(ownMajor) === major && Number(ownMinor) >= minor);
}

const DAY_MS = 86_400_000;

function namespaceFinding({ retentionMs }: ServerFacts, { namespace, address }: Facts): Finding {
  if (retentionMs === undefined) return ok('namespace', `Namespace ${namespace} exists.`);
  const text = `Namespace ${namespace} keeps ended turns for ${spanText(retentionMs)}.`;
  return retentionMs >= DAY_MS
    ? ok('namespace', text)
    : warning(
        'namespace',
        `${text} After that, lists, results and cost reports no longer have them.`,
        `temporal operator namespace update --retention 30d -n ${namespace} --address ${address}`,
      );
}

function attributeFindings(attributes: AttributeFacts, { namespace, address }: Facts): Finding[] {
  const check = 'searchAttributes';
  if (attributes.type === 'unknown') {
    const text = `The search attributes of namespace ${namespace} cannot be read: ${attributes.problem}`;
    return [warning(check, text, 'Use credentials that may read the namespace.')];
  }
  const names = Object.keys(SEARCH_ATTRIBUTES);
  const typeOf = (name: string) =>
    attributes.type === 'known'
      ? attributes.types[name]
      : attributes.names.includes(name)
        ? SEARCH_ATTRIBUTES[name]
        : undefined;
  const missing = names.filter((name) => typeOf(name) === undefined);
  const wrong = names.filter(
    (name) => typeOf(name) !== undefined && typeOf(name) !== SEARCH_ATTRIBUTES[name],
  );
  if (missing.length + wrong.length === 0)
    return [ok(check, `${names.join(', ')} are registered.`)];
  return [
    ...wrong.map((name) =>
      warning(
        check,
        `${name} has the type ${typeOf(name)} instead of ${SEARCH_ATTRIBUTES[name]}, so turns start without search attributes.`,
        `If nothing else uses it, remove it, then run plait setup: temporal operator search-attribute remove --name ${name} -n ${namespace} --address ${address}`,
      ),
    ),
    ...(missing.length === 0
      ? []
      : [
          warning(
            check,
            `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing in namespace ${namespace}. Turns run, but lists cannot find them by agent, user or stop reason.`,
            'plait setup',
          ),
        ]),
  ];
}

/** Although there are workers, a task has waited longer than this: they are too busy. */
const LONG_WAIT_MS = 30_000;

function queueFindings(queue: QueueFacts): Finding[] {
  const { name, usedBy, workflows, activities } = queue;
  const kinds = [
    ...(workflows === undefined ? [] : [['workflows', workflows] as const]),
    ['activities', activities] as const,
  ];
  const found = [
    ...unserved(queue, kinds),
    ...kinds.flatMap(([kind, state]) => waiting(name, kind, state)),
  ];
  if (found.length > 0) return found;
  const { workers, builds } = activities;
  const several = builds.length > 1 ? ` of ${builds.length} builds` : '';
  const text = `${count(workers, 'worker')}${several} on ${name} (${usedBy.join(', ')}).`;
  return [ok('taskQueues', text)];
}

type Kinds = readonly (readonly [kind: string, state: QueueState])[];

function unserved({ name, usedBy, open }: QueueFacts, kinds: Kinds): Finding[] {
  const missing = kinds.filter(([, { workers }]) => workers === 0).map(([kind]) => kind);
  if (missing.length === 0) return [];
  const waits =
    open === 0
      ? ''
      : ` ${count(open, 'open turn or session', 'open turns and sessions')} cannot go on.`;
  const text = `No worker polls task queue ${name} (${usedBy.join(', ')}) for ${missing.join(' and ')}.${waits}`;
  const option = usedBy.includes('turns') ? '--task-queue' : '--task-queues';
  const command = `plait worker <module>${name === DEFAULT_TASK_QUEUE ? '' : ` ${option} ${name}`}`;
  const advice = `Start one, with this address and namespace: ${command}`;
  return [problem('taskQueues', text, advice)];
}

function waiting(
  name: string,
  kind: string,
  { workers, backlog, oldestMs, perSecond }: QueueState,
): Finding[] {
  if (perSecond === 0) {
    const text = `Task queue ${name} starts no ${kind}: its limit is 0 per second.`;
    const advice = `temporal task-queue config set --task-queue ${name} --task-queue-type ${kind === 'workflows' ? 'workflow' : 'activity'} --queue-rps-limit default`;
    return [problem('taskQueues', text, advice)];
  }
  if (workers === 0 || backlog === 0 || oldestMs < LONG_WAIT_MS) return [];
  const limit = perSecond === undefined ? '' : ` The queue starts ${perSecond} per second at most.`;
  const text = `${count(backlog, 'task')} for ${kind} wait${backlog === 1 ? 's' : ''} in ${name}, the oldest for ${spanText(oldestMs)}, although ${count(workers, 'worker')} serve${workers === 1 ? 's' : ''} it.${limit}`;
  const advice =
    perSecond === undefined
      ? 'Start more workers, or raise maxConcurrentActivityTaskExecutions.'
      : 'Raise the limit, if what it protects allows more.';
  return [warning('taskQueues', text, advice)];
}

/** What a workflow task of Plait may need: the calls that start at once, and their envelopes. */
const TASK_BYTES = MAX_OPEN_BYTES + 500_000;

function limitFindings({ limits }: ServerFacts, { namespace, agents, storage }: Facts): Finding[] {
  const { payload, workflowTask } = limits;
  const hasStorage = storage.type === 'usable';
  const needed = hasStorage ? 2 * STORED_ABOVE_BYTES : MAX_RESULT_BYTES;
  const findings: Finding[] = [];
  if (payload !== undefined && payload < needed) {
    findings.push(
      problem(
        'limits',
        `Namespace ${namespace} takes payloads of ${bytes(payload)} at most, and Plait makes some of ${bytes(needed)}${hasStorage ? '' : ' without a storage'}.${largeResults(agents, payload)}`,
        hasStorage
          ? `Set limit.blobSize.error of the server to ${needed} or more.`
          : `Give workers and clients a storage, or set limit.blobSize.error of the server to ${needed} or more.`,
      ),
    );
  }
  if (workflowTask !== undefined && workflowTask < TASK_BYTES) {
    findings.push(
      warning(
        'limits',
        `Namespace ${namespace} takes ${bytes(workflowTask)} at most from one workflow task, and a reply with many calls makes up to ${bytes(TASK_BYTES)}.`,
        'Lower `limits.concurrency` of the agents, or raise the limit of the server.',
      ),
    );
  }
  if (findings.length > 0) return findings;
  return payload === undefined
    ? []
    : [ok('limits', `Namespace ${namespace} takes payloads of ${bytes(payload)}.`)];
}

function largeResults(agents: readonly AgentFacts[], payload: number): string {
  const large = agents.flatMap(({ name: agent, tools }) =>
    tools
      .filter(({ maxResultBytes }) => maxResultBytes > payload)
      .map(({ name, maxResultBytes }) => `${agent}.${name} (${bytes(maxResultBytes)})`),
  );
  return large.length === 0 ? '' : ` Results of these tools may be larger: ${large.join(', ')}.`;
}

/** Synchronized clocks differ by milliseconds; above this, times in reports are wrong. */
const CLOCK_WARNING_MS = 2_000;
/** From about here on, signatures of S3 and certificates are rejected. */
const CLOCK_PROBLEM_MS = 300_000;

function clockFinding({ clock }: ServerFacts): Finding {
  if (clock.type === 'unknown') {
    const text = `The clock of this machine cannot be compared with the server's: ${clock.problem}`;
    return warning(
      'clock',
      text,
      'Check that both machines set their clocks, for example with NTP.',
    );
  }
  const { aheadMs } = clock;
  const off = Math.abs(aheadMs);
  const text = `The clock of this machine is ${spanText(off)} ${aheadMs > 0 ? 'ahead of' : 'behind'} the server's.`;
  const advice = 'Set the clocks of both machines, for example with NTP.';
  if (off >= CLOCK_PROBLEM_MS) {
    return problem('clock', `${text} Certificates and signed requests may be rejected.`, advice);
  }
  if (off >= CLOCK_WARNING_MS) {
    return warning('clock', `${text} Durations of calls in results and reports are wrong.`, advice);
  }
  return ok('clock', `The clock of this machine and the server's agree within 2 s.`);
}

/** The major releases of Node that Plait is tested with, and the first minor release of each. */
const NODE: Readonly<Record<number, number>> = { 20: 19, 22: 0, 24: 0 };

function versionFindings({ versions: { plait, node, temporal } }: Facts): Finding[] {
  const check = 'versions';
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const doubled = Object.entries(temporal).filter(([, versions]) => versions.length > 1);
  const all = [...new Set(Object.values(temporal).flat())];
  const advice = 'Use Node 20.19 or later, 22 or 24.';
  const found: Finding[] = [];
  if (major < 20 || (major === 20 && minor < 19)) {
    found.push(problem(check, `Node ${node} is too old for Plait.`, advice));
  } else if (!(major in NODE)) {
    found.push(warning(check, `Plait is not tested with Node ${node}.`, advice));
  }
  if (all.length > 1) {
    const which = (doubled.length > 0 ? doubled : Object.entries(temporal))
      .map(([name, versions]) => `${name} ${versions.join(' and ')}`)
      .join(', ');
    found.push(
      problem(
        check,
        `The packages of Temporal have different versions: ${which}. Together they fail with errors such as "duplicate name".`,
        'Install one version of all @temporalio packages; npm ls @temporalio/common shows where they come from.',
      ),
    );
  }
  if (found.length > 0) return found;
  return [ok(check, `Plait ${plait}, Node ${node}, Temporal's SDK ${all.join(', ')}.`)];
}

function modelFindings({ model: { hasCredential, baseURL, asked } }: Facts): Finding[] {
  const address = addressFinding(baseURL);
  const where = baseURL === undefined ? '' : ` at ${originOf(baseURL)}`;
  const credential = hasCredential
    ? ok(
        'model',
        `There is a credential for Claude${where}${asked.length === 0 ? '; it was not tried' : ''}.`,
      )
    : warning(
        'model',
        'There is no credential for Claude in this environment.',
        'Set ANTHROPIC_API_KEY where the workers run. If only this shell lacks it, nothing is wrong.',
      );
  return [
    ...(address === undefined ? [] : [address]),
    // If a model has answered, there is a key: it need not be reported.
    ...(asked.some(({ type }) => type === 'answered') ? [] : [credential]),
    ...asked.map((answer) =>
      answer.type === 'answered'
        ? ok('model', `${answer.model} answers${where} in ${answer.milliseconds} ms.`)
        : problem('model', `${answer.model} does not answer${where}: ${answer.problem}`),
    ),
  ];
}

function addressFinding(baseURL: string | undefined): Finding | undefined {
  if (baseURL === undefined) return undefined;
  const advice =
    'Set ANTHROPIC_BASE_URL to the address without /v1/messages, such as https://gateway.example.com.';
  // The text must not repeat a setting that may hold a password.
  const url = URL.canParse(baseURL) ? new URL(baseURL) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return problem('model', 'ANTHROPIC_BASE_URL is not a URL with https://.', advice);
  }
  const { username, password, protocol, hostname } = url;
  if (username !== '' || password !== '') {
    const text =
      'ANTHROPIC_BASE_URL has a user name or a password in it, and fetch rejects such a URL.';
    return problem('model', text, 'Send them as a header, with ANTHROPIC_CUSTOM_HEADERS.');
  }
  const doubled = doubledPathText(`${baseURL.replace(/\/$/, '')}/v1/messages`);
  if (doubled !== undefined) {
    return problem(
      'model',
      'ANTHROPIC_BASE_URL ends in a path that the client adds again.',
      advice,
    );
  }
  if (protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) {
    const text = `ANTHROPIC_BASE_URL begins with http://, so the key and the conversations go to ${hostname} in clear text.`;
    return warning('model', text, 'Use https://.');
  }
  return undefined;
}

function originOf(url: string): string {
  return (URL.canParse(url) && new URL(url).host) || 'the address of ANTHROPIC_BASE_URL';
}

function storageFinding({ storage }: Facts): Finding {
  switch (storage.type) {
    case 'usable':
      return ok('storage', `The storage ${storage.location} can be written and read.`);
    case 'unusable':
      return problem('storage', storage.problem);
    case 'none':
      return warning(
        'storage',
        'No storage is configured here. Without one a turn ends when its conversation has some 1.5 MB, and large results lose their middle.',
        'Give workers and clients the same storage: --storage or PLAIT_STORAGE. See docs/storage.md.',
      );
  }
}

/** Nobody needs a stream transport, so a missing one is not reported. */
function transportFindings({ transport }: Facts): Finding[] {
  switch (transport.type) {
    case 'none':
      return [];
    case 'usable':
      return [ok('streamTransport', `The stream transport ${transport.location} can be used.`)];
    case 'unusable':
      // Only a warning: turns run without it.
      return [{ level: 'warning', check: 'streamTransport', text: transport.problem }];
  }
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function bytes(number: number): string {
  return `${number.toLocaleString('en-US')} bytes`;
}

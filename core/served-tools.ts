import type {
  AgentSpec,
  PinnedAgent,
  PinnedSpec,
  ServedAnnotations,
  ServedTools,
} from './agent-spec.ts';
import type { ToolUnion } from '@anthropic-ai/sdk/resources/messages';
import { fingerprint } from './fingerprint.ts';
import { defined } from './json.ts';

// Tools that an MCP server offers. They are listed when a turn or a session pins its agent, and kept with the
// pinned spec: so every request of a conversation has the same tools, and calls know what was listed.

/** Between the name of a server and the name of its tool. A server's name cannot contain it. */
export const SERVED_SEPARATOR = '__';

const MAX_NAME = 64;

/**
 * The name of a server's tool for the model: `files__read_file`. If the API would reject that, because it is
 * too long or has other characters, only the valid characters are kept, and a short digest of the whole name
 * follows. The same tool always gets the same name.
 */
export function servedName(server: string, tool: string): string {
  const plain = `${server}${SERVED_SEPARATOR}${tool}`;
  if (plain.length <= MAX_NAME && /^[a-zA-Z0-9_-]+$/.test(plain) && tool !== '') return plain;
  const digest = `_${fingerprint([server, tool])}`;
  const kept = plain.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, MAX_NAME - digest.length);
  return kept + digest;
}

/** Which tools of a server an agent has, by their names on the server. */
export interface ServedSelection {
  /** @default all */
  allow?: readonly string[];
  /** @default none */
  deny?: readonly string[];
}

export function isSelected({ allow, deny }: ServedSelection, tool: string): boolean {
  return allow?.includes(tool) !== false && deny?.includes(tool) !== true;
}

/** The servers of an agent that listed their tools, and those that could not be reached. */
export interface Listings {
  listed: readonly { served: ServedTools; specs: readonly ToolUnion[] }[];
  /** For each of them, a line for the model. */
  absent: readonly string[];
}

/** The spec of an agent with the tools that its servers have listed. */
export function withServedTools(spec: AgentSpec, { listed, absent }: Listings): AgentSpec {
  const tools = [...(spec.tools ?? []), ...listed.flatMap(({ specs }) => specs)];
  const system = [...(spec.system === undefined ? [] : [spec.system]), ...absent].join('\n\n');
  return {
    ...spec,
    ...(tools.length === 0 ? {} : { tools }),
    ...(system === '' ? {} : { system }),
    served: listed.map(({ served }) => served),
  };
}

/**
 * The part of the pinned spec that a worker needs to run or prepare a call: none unless a server has listed
 * the tool, since workers know the others. Inline specs are reduced to that one tool, because history would
 * hold them with every call.
 */
export function specOfCall(
  { spec: pinned, policies }: Pick<PinnedAgent, 'spec' | 'policies'>,
  tool: string,
): PinnedSpec | undefined {
  const [, policy] = policies.find(([name]) => name === tool) ?? [];
  if (policy?.server === undefined) return undefined;
  if (pinned.type === 'stored') return pinned;
  const { model, max_tokens, tools = [], served = [] } = pinned.spec;
  const reduced = served.map(({ server, tools }) => ({
    server,
    tools: tools.filter(({ name }) => name === tool),
  }));
  return {
    ...pinned,
    spec: {
      model,
      max_tokens,
      tools: tools.filter((one) => 'name' in one && one.name === tool),
      served: reduced.filter((one) => one.tools.length > 0),
    },
  };
}

/** The part of a tool's annotations to record: hints that MCP knows, if they have the right type. */
export function knownAnnotations(given: unknown): ServedAnnotations | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const hints = given as Record<string, unknown>;
  const hint = (name: string) => {
    const value = hints[name];
    return typeof value === 'boolean' ? value : undefined;
  };
  const known = defined({
    title: typeof hints['title'] === 'string' ? hints['title'].toWellFormed() : undefined,
    readOnlyHint: hint('readOnlyHint'),
    destructiveHint: hint('destructiveHint'),
    idempotentHint: hint('idempotentHint'),
    openWorldHint: hint('openWorldHint'),
  });
  return Object.keys(known).length === 0 ? undefined : known;
}

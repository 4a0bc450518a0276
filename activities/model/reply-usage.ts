import type { BetaIterationsUsage } from '@anthropic-ai/sdk/resources/beta/messages';
import { defined } from '../../core/json.ts';
import type { CacheCreation, ServerToolUsage, Usage } from '../../core/turn/usage.ts';
import { addUsage, NO_USAGE } from '../../core/turn/usage.ts';

/** Without a split of the cached tokens: the API may not report it. */
const UNKNOWN_USAGE: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};

type Counts = Omit<Usage, 'cache_creation' | 'server_tool_use'>;
type UsageUpdate = { [Key in keyof Counts]?: number | null } & {
  cache_creation?: CacheCreation | null;
  server_tool_use?: ServerToolUsage | null;
};

/** What a reply has cost, as far as its stream has said. */
export class ReplyUsage {
  private counts = UNKNOWN_USAGE;
  private compactions: Usage | undefined;

  add(update: UsageUpdate | undefined): void {
    this.counts = merged(this.counts, update);
    this.compactions = compactionUsage(update) ?? this.compactions;
  }

  get total(): Usage {
    return this.compactions === undefined ? this.counts : addUsage(this.counts, this.compactions);
  }
}

/** A count that is not a number would spoil every sum that it goes into. */
function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function onlyCounts(split: CacheCreation): CacheCreation {
  return {
    ephemeral_5m_input_tokens: count(split.ephemeral_5m_input_tokens) ?? 0,
    ephemeral_1h_input_tokens: count(split.ephemeral_1h_input_tokens) ?? 0,
  };
}

/** Counts in the stream are cumulative, and a later event leaves out or nulls what did not change. */
function merged(usage: Usage, update: UsageUpdate | undefined): Usage {
  const split = update?.cache_creation ?? usage.cache_creation;
  const tools = update?.server_tool_use ?? usage.server_tool_use;
  return {
    input_tokens: count(update?.input_tokens) ?? usage.input_tokens,
    output_tokens: count(update?.output_tokens) ?? usage.output_tokens,
    cache_creation_input_tokens:
      count(update?.cache_creation_input_tokens) ?? usage.cache_creation_input_tokens,
    cache_read_input_tokens:
      count(update?.cache_read_input_tokens) ?? usage.cache_read_input_tokens,
    ...defined({ cache_creation: split && onlyCounts(split), server_tool_use: tools }),
  };
}

/**
 * What the compactions of a reply have cost, where the reply says so. They are billed with the reply, and
 * the API leaves them out of the reply's own counts.
 */
function compactionUsage(usage: object | undefined): Usage | undefined {
  const { iterations } = (usage ?? {}) as { iterations?: BetaIterationsUsage | null };
  return iterations
    ?.filter(({ type }) => type === 'compaction')
    .map((iteration) => merged(UNKNOWN_USAGE, iteration))
    .reduce(addUsage, NO_USAGE);
}

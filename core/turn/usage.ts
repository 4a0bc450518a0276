/** Token counts under the names of the Messages API. */
export interface Usage {
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
  /** How `cache_creation_input_tokens` splits by the life of the entries; absent where the API does not say. */
  cache_creation?: CacheCreation;
  /** Requests of the API's own tools, which cost by the piece; absent where there were none. */
  server_tool_use?: ServerToolUsage;
}

export interface ServerToolUsage {
  web_search_requests: number;
  web_fetch_requests: number;
}

/** Tokens written to the prompt cache. */
export interface CacheCreation {
  ephemeral_5m_input_tokens: number;
  ephemeral_1h_input_tokens: number;
}

/** What one model's replies have used. */
export interface ModelUsage {
  /** The model's name in its replies, which may be more exact than the requested one. */
  model: string;
  /** The number of replies, including those that declined to answer. */
  replies: number;
  usage: Usage;
  /** The same in USD, if the agent has `prices`. */
  costUSD?: number;
}

export const NO_USAGE: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
};

export function addUsage(a: Usage, b: Usage): Usage {
  const [splitA, splitB] = [cacheCreation(a), cacheCreation(b)];
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    cache_creation_input_tokens: a.cache_creation_input_tokens + b.cache_creation_input_tokens,
    cache_read_input_tokens: a.cache_read_input_tokens + b.cache_read_input_tokens,
    cache_creation: {
      ephemeral_5m_input_tokens:
        splitA.ephemeral_5m_input_tokens + splitB.ephemeral_5m_input_tokens,
      ephemeral_1h_input_tokens:
        splitA.ephemeral_1h_input_tokens + splitB.ephemeral_1h_input_tokens,
    },
    ...addServerTools(a.server_tool_use, b.server_tool_use),
  };
}

function addServerTools(
  a: ServerToolUsage | undefined,
  b: ServerToolUsage | undefined,
): Pick<Usage, 'server_tool_use'> {
  if (a === undefined || b === undefined) {
    const one = a ?? b;
    return one === undefined ? {} : { server_tool_use: one };
  }
  return {
    server_tool_use: {
      web_search_requests: a.web_search_requests + b.web_search_requests,
      web_fetch_requests: a.web_fetch_requests + b.web_fetch_requests,
    },
  };
}

/** Entries live for five minutes unless the request says otherwise. */
export function cacheCreation(usage: Usage): CacheCreation {
  return (
    usage.cache_creation ?? {
      ephemeral_5m_input_tokens: usage.cache_creation_input_tokens,
      ephemeral_1h_input_tokens: 0,
    }
  );
}

/** All tokens of the requests, including those read from the cache or written to it. */
export function inputTokens(usage: Usage): number {
  return usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens;
}

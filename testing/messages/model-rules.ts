import type { ModelInfo, ModelLine } from '@anthropic-ai/sdk/resources/models';

/** What the API accepts differs by model. An unknown name is treated as the newest model. */
export interface ModelRules {
  /** The API rejects a thinking block when anything before it has changed. */
  readonly bindsThinking: boolean;
  /** The API replaces earlier messages by a summary. */
  readonly compaction: boolean;
  /** `tool_choice` of type `any` or `tool`. */
  readonly forcedToolChoice: boolean;
  /** The last message may be the assistant's, which the model continues. */
  readonly prefill: boolean;
  /** Messages with the role `system`. */
  readonly systemMessages: boolean;
  /** In the order in which the API lists them; empty for a model without effort. */
  readonly effortLevels: readonly string[];
  readonly thinkingAdaptive: boolean;
  readonly thinkingBetweenTools: boolean;
  readonly thinkingDisabled: boolean;
  readonly thinkingEnabled: boolean;
}

export function modelRules(model: string): ModelRules {
  const { line, version } = parseModel(model);
  return {
    bindsThinking: version >= (line === 'fable' ? 5.1 : line === 'mythos' ? 5.2 : 5.5),
    compaction: version >= 4.6,
    forcedToolChoice:
      line === 'haiku' || version < (line === 'fable' || line === 'mythos' ? 5.1 : 5.5),
    prefill: version < 4.6,
    systemMessages: version >= 4.8,
    effortLevels: effortLevels(line, version),
    thinkingAdaptive: version >= 4.6,
    thinkingBetweenTools:
      version >= 5.5 && line !== 'opus' && line !== 'fable' && line !== 'mythos',
    thinkingDisabled: line === 'haiku' || (line !== 'fable' && line !== 'mythos' && version < 5.5),
    thinkingEnabled: version < 4.7,
  };
}

function effortLevels(line: ModelLine | null, version: number): string[] {
  if (version >= 4.7) return ['high', 'low', 'max', 'medium', 'xhigh'];
  if (version >= 4.6) return ['high', 'low', 'max', 'medium'];
  return version >= 4.5 && line === 'opus' ? ['high', 'low', 'medium'] : [];
}

/** `claude-opus-5-5` is version 5.5, `claude-haiku-4-5-20251001` version 4.5. */
function parseModel(model: string): { line: ModelLine | null; version: number } {
  const match = /^claude-(fable|mythos|opus|sonnet|haiku)-(\d+)(?:-(\d))?(?:-\d{8})?$/.exec(model);
  if (match === null) return { line: null, version: Number.POSITIVE_INFINITY };
  const [, line, major, minor = '0'] = match;
  return { line: (line ?? null) as ModelLine | null, version: Number(`${major}.${minor}`) };
}

const LISTED = [
  'claude-fable-5-2',
  'claude-fable-5-1',
  'claude-opus-5-5',
  'claude-sonnet-5-5',
  'claude-haiku-5-5',
  'claude-opus-5',
  'claude-haiku-4-5',
];

/** The models that `GET /v1/models` lists. Requests may name any model that begins with `claude-`. */
export function listedModels(): ModelInfo[] {
  return LISTED.map(modelInfo);
}

export function isKnownModel(model: string): boolean {
  return model.startsWith('claude-');
}

export function modelInfo(id: string): ModelInfo {
  const { line, version } = parseModel(id);
  const old = version < 4.6;
  return {
    id,
    type: 'model',
    capabilities: null,
    created_at: '2026-01-01T00:00:00Z',
    deprecated_at: null,
    display_name: id
      .replace(/-(\d)-(\d)$/, '-$1.$2')
      .split('-')
      .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
      .join(' '),
    lifecycle: 'active',
    line,
    max_input_tokens: old ? 200_000 : 1_000_000,
    max_tokens: old ? 64_000 : 128_000,
    retires_at: null,
  };
}

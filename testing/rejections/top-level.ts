import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { isKnownModel, modelInfo, modelRules } from '../messages/model-rules.ts';
import { COUNT_KEYS, CREATE_KEYS, unknownKey } from './known-keys.ts';
import {
  blankTextRejection,
  firstRejection,
  invalid,
  type Rejection,
  type RejectionOptions,
} from './rejection.ts';
import { alternatives, unknownTag } from './sources.ts';

const ADAPTIVE_INSTEAD =
  'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.';

/** JavaScript allows half an emoji in a string; the API does not accept it in JSON. */
export function surrogateRejection(body: JsonObject): Rejection | undefined {
  const at = JSON.stringify(body).search(/(?<!\\)(?:\\\\)*\\ud[89a-f]/);
  return at === -1
    ? undefined
    : invalid(
        `The request body is not valid JSON: no low surrogate in string: line 1 column ${at + 1} (char ${at})`,
      );
}

/** The fields of the request that do not depend on the model. */
export function topLevelRejection(
  body: JsonObject,
  options: RejectionOptions,
): Rejection | undefined {
  const counting = options.endpoint === 'count_tokens';
  const { model, messages, stream } = body;
  return firstRejection([
    () => (model === undefined ? invalid('model: Field required') : undefined),
    () =>
      typeof model !== 'string' ? invalid('model: Input should be a valid string') : undefined,
    () => (counting ? undefined : maxTokensRejection(body['max_tokens'])),
    () => (messages === undefined ? invalid('messages: Field required') : undefined),
    () =>
      Array.isArray(messages) ? undefined : invalid('messages: Input should be a valid array'),
    () =>
      stream === undefined || typeof stream === 'boolean'
        ? undefined
        : invalid('stream: Input should be a valid boolean'),
    () => promptRejection(body['system']),
    () => stopSequencesRejection(body['stop_sequences']),
    () => (options.beta ? undefined : unknownKey(body, counting ? COUNT_KEYS : CREATE_KEYS, '')),
  ]);
}

/** 0 is valid: it fills the prompt cache and generates nothing. */
function maxTokensRejection(maxTokens: unknown): Rejection | undefined {
  if (maxTokens === undefined) return invalid('max_tokens: Field required');
  if (!Number.isInteger(maxTokens)) return invalid('max_tokens: Input should be a valid integer');
  return Number(maxTokens) < 0
    ? invalid('max_tokens: Input should be greater than or equal to 0')
    : undefined;
}

/** An empty string is accepted, because what the API does with one is not known. */
function promptRejection(system: unknown): Rejection | undefined {
  if (system === undefined || system === null || typeof system === 'string') return undefined;
  if (!Array.isArray(system)) return invalid('system: Input should be a valid array');
  const texts = system.map((block: unknown) => (isRecord(block) ? block['text'] : undefined));
  const wrong = texts.findIndex((text) => typeof text !== 'string');
  if (wrong !== -1) return invalid(`system.${wrong}.text: Field required`);
  return firstRejection(texts.map((text) => () => blankTextRejection(String(text), 'system')));
}

function stopSequencesRejection(sequences: unknown): Rejection | undefined {
  if (sequences === undefined || sequences === null) return undefined;
  if (!Array.isArray(sequences)) {
    return invalid('stop_sequences: Input should be a valid array');
  }
  const wrong = sequences.findIndex((text) => typeof text !== 'string');
  if (wrong !== -1) return invalid(`stop_sequences.${wrong}: Input should be a valid string`);
  return sequences.some((text) => String(text).trim() === '')
    ? invalid('stop_sequences: each stop sequence must contain non-whitespace')
    : undefined;
}

/** What depends on the model: whether it exists, and which options it takes. */
export function modelRejection(body: JsonObject): Rejection | undefined {
  const model = String(body['model']);
  if (!isKnownModel(model)) {
    return { status: 404, type: 'not_found_error', message: `model: ${model}` };
  }
  const maxTokens = Number(body['max_tokens'] ?? 0);
  const limit = modelInfo(model).max_tokens ?? Number.POSITIVE_INFINITY;
  if (maxTokens > limit) {
    return invalid(
      `max_tokens: ${maxTokens} > ${limit}, which is the maximum allowed number of output tokens for ${model}`,
    );
  }
  return firstRejection([
    () => thinkingConfigRejection(model, body['thinking']),
    () => budgetRejection(body),
    () => effortRejection(model, body['output_config']),
    () => toolChoiceRejection(model, body),
  ]);
}

function budgetRejection({ thinking, max_tokens: maxTokens }: JsonObject): Rejection | undefined {
  if (!isRecord(thinking) || thinking['type'] !== 'enabled') return undefined;
  if (thinking['budget_tokens'] === undefined) {
    return invalid('thinking.enabled.budget_tokens: Field required');
  }
  const budget = Number(thinking['budget_tokens']);
  if (budget < 1_024) {
    return invalid('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
  }
  return budget >= Number(maxTokens ?? Number.POSITIVE_INFINITY)
    ? invalid('`max_tokens` must be greater than `thinking.budget_tokens`.')
    : undefined;
}

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];

function effortRejection(model: string, config: unknown): Rejection | undefined {
  const effort = isRecord(config) ? config['effort'] : undefined;
  if (typeof effort !== 'string') return undefined;
  if (!EFFORTS.includes(effort)) {
    return invalid(`output_config.effort: Input should be ${alternatives(EFFORTS)}`);
  }
  const { effortLevels } = modelRules(model);
  if (effortLevels.length === 0) {
    return invalid('This model does not support the effort parameter.');
  }
  return effortLevels.includes(effort)
    ? undefined
    : invalid(
        `This model does not support effort level '${effort}'. Supported levels: ${effortLevels.join(', ')}.`,
      );
}

const THINKING = ['adaptive', 'between_tools', 'disabled', 'enabled'];

function thinkingConfigRejection(model: string, thinking: unknown): Rejection | undefined {
  const rules = modelRules(model);
  const type = isRecord(thinking) ? thinking['type'] : undefined;
  if (thinking === undefined || thinking === null) return undefined;
  if (typeof type !== 'string') return invalid('thinking.type: Field required');
  if (!THINKING.includes(type)) return invalid(`thinking: ${unknownTag(type, THINKING)}`);
  if (type === 'disabled' && !rules.thinkingDisabled) {
    return invalid(`"thinking.type.disabled" is not supported for this model. ${ADAPTIVE_INSTEAD}`);
  }
  if (type === 'enabled' && !rules.thinkingEnabled) {
    return invalid(`"thinking.type.enabled" is not supported for this model. ${ADAPTIVE_INSTEAD}`);
  }
  if (type === 'between_tools' && !rules.thinkingBetweenTools) {
    return invalid(`"thinking.type.between_tools" is not supported for this model.`);
  }
  return type === 'adaptive' && !rules.thinkingAdaptive
    ? invalid('adaptive thinking is not supported on this model')
    : undefined;
}

const CHOICES = ['any', 'auto', 'none', 'tool'];

function toolChoiceRejection(
  model: string,
  { tool_choice, tools, thinking }: JsonObject,
): Rejection | undefined {
  if (!isRecord(tool_choice)) return undefined;
  const { type, name } = tool_choice;
  if (typeof type !== 'string') return invalid('tool_choice.type: Field required');
  if (!CHOICES.includes(type)) return invalid(`tool_choice: ${unknownTag(type, CHOICES)}`);
  if (type !== 'any' && type !== 'tool') return undefined;
  if (!modelRules(model).forcedToolChoice) {
    return invalid('tool_choice: type "tool" and "any" are not supported for this model.');
  }
  if (isRecord(thinking) && thinking['type'] === 'enabled') {
    return invalid('Thinking may not be enabled when tool_choice forces tool use.');
  }
  const offered = Array.isArray(tools) ? tools.filter(isRecord) : [];
  if (type === 'any') {
    return offered.length === 0
      ? invalid('tool_choice.any may only be specified while providing tools')
      : undefined;
  }
  return offered.some((tool) => tool['name'] === name)
    ? undefined
    : invalid(`Tool '${String(name)}' not found in provided tools`);
}

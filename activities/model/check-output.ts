import { isDeepStrictEqual } from 'node:util';
import { DeclarationError } from '../../agents/declaration-error.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { inTime, OutOfTimeError } from '../../agents/in-time.ts';
import type { JsonSchema } from '../../agents/input-schema.ts';
import type { CompiledOutput } from '../../agents/output-schema.ts';
import { compileOutput } from '../../agents/output-schema.ts';
import type { AgentSpec, OutputSchema } from '../../core/agent-spec.ts';
import { EMPTY_ANSWER, inexactText, notJsonText, tooDeepText } from '../../core/calls/texts.ts';
import { inexactOf, isNestedDeeper, MAX_NESTING } from '../../core/conversation/exact-json.ts';
import { textOf } from '../../core/conversation/messages.ts';
import type { CheckedOutput, ModelReply } from '../../core/conversation/reply.ts';
import { invalidTurn } from '../turn/pin-agent.ts';
import type { Secrets } from './secrets.ts';

/** The schema that a turn was started with. */
export async function ownOutput(
  schema: OutputSchema | undefined,
): Promise<CompiledOutput | undefined> {
  if (schema === undefined) return undefined;
  try {
    return await inTime(() => compileOutput('the turn', schema as JsonSchema));
  } catch (error) {
    if (error instanceof DeclarationError) throw invalidTurn(error.message);
    if (!(error instanceof OutOfTimeError)) throw error;
    throw invalidTurn(
      `the turn: output could not be read within ${error.milliseconds} ms; give a smaller schema`,
    );
  }
}

export interface OutputSource {
  /** The pinned spec, which may be older than the agent. */
  spec: AgentSpec;
  agent: AgentDefinition;
  own: CompiledOutput | undefined;
  /** For what a schema throws, which may repeat a credential. */
  redact: Secrets['redact'];
}

/** Whether the answer matches its schema; `undefined` where the reply is not an answer, or has no schema. */
export async function checkOutput(
  { stopReason, content }: ModelReply,
  source: OutputSource,
): Promise<CheckedOutput | undefined> {
  if (UNFINISHED.has(stopReason)) return undefined;
  const output = outputOf(source);
  if (output === undefined) return undefined;
  const text = textOf(content);
  if (text.trim() === '') return { type: 'invalid', problem: EMPTY_ANSWER };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { type: 'invalid', problem: notJsonText((error as Error).message) };
  }
  // The caller would get another value than the model wrote, or one that nobody can process.
  if (isNestedDeeper(value)) return { type: 'invalid', problem: tooDeepText(MAX_NESTING) };
  const inexact = inexactOf(text, value);
  if (inexact !== undefined) return { type: 'invalid', problem: inexactText(inexact) };
  const parsed = await output.parse(value);
  return parsed.ok
    ? { type: 'valid' }
    : { type: 'invalid', problem: source.redact(parsed.problem) };
}

const UNFINISHED: ReadonlySet<string> = new Set([
  'tool_use',
  'pause_turn',
  'compaction',
  'refusal',
]);

function outputOf({ spec, agent, own }: Omit<OutputSource, 'redact'>): CompiledOutput | undefined {
  const pinned = spec.output_config?.format;
  if (own !== undefined || pinned === undefined) return own;
  const { output } = agent;
  if (output !== undefined && isDeepStrictEqual(output.config.format, pinned)) return output;
  return compileOutput(agent.name, pinned.schema as JsonSchema);
}

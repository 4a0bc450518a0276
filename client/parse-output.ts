import { z } from 'zod';
import type { Agent } from '../agents/define-agent.ts';
import type { ParsedInput } from '../agents/input-schema.ts';
import type { OutputOption } from '../agents/output-schema.ts';
import type { OutputSchema } from '../core/agent-spec.ts';
import { causeChain } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import { InvalidTurnError } from '../core/turn/input.ts';

/** Parses the answer of a turn with its schema. */
export type ParseOutput = (value: unknown) => Promise<ParsedInput>;

/** A turn's own schema in the form that workers get. `parserOf` checks what JSON Schema cannot express. */
export function outputSchema(option: OutputOption): OutputSchema {
  if (!isRecord(option)) {
    throw new InvalidTurnError('output must be a zod 4 schema or a JSON Schema');
  }
  if (!isZod(option)) return option;
  try {
    const { $schema: _, ...schema } = z.toJSONSchema(option, { io: 'input' });
    return schema;
  } catch (error) {
    throw new InvalidTurnError(`output has no JSON Schema: ${causeChain(error)}`, { cause: error });
  }
}

/** The parser of the turn's own schema, or else of the agent's. */
export function parserOf(
  agent: Agent | string | undefined,
  option: OutputOption | undefined,
): ParseOutput | undefined {
  if (option === undefined) return typeof agent === 'object' ? agent.output?.parse : undefined;
  if (!isZod(option)) return undefined;
  return async (value) => {
    try {
      const parsed = await z.safeParseAsync(option, value);
      return parsed.success
        ? { ok: true, value: parsed.data }
        : { ok: false, problem: z.prettifyError(parsed.error) };
    } catch (error) {
      return { ok: false, problem: causeChain(error) };
    }
  };
}

function isZod(option: OutputOption): option is z.core.$ZodType {
  return '_zod' in option;
}

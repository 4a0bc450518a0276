import { msToNumber } from '@temporalio/common/lib/time.js';
import { z } from 'zod';
import { DeclarationError } from './declaration-error.ts';

/** Milliseconds, or a string that the `ms` package reads: `'500ms'`, `'30s'`, `'2 minutes'`. */
export type Duration = number | string;

const HOW = "write milliseconds, or a text like '30s' or '2m'";

/** A positive duration; becomes milliseconds. */
export const duration = z
  // Not `z.number()`, which refuses Infinity and NaN before this can say what to write.
  .custom<Duration>((value) => typeof value === 'number' || typeof value === 'string', HOW)
  .transform((value, ctx) => {
    const milliseconds = toMilliseconds(value);
    if (milliseconds === undefined) {
      const shown = typeof value === 'string' ? JSON.stringify(value) : value;
      ctx.addIssue(`${shown} is not a duration; ${HOW}`);
      return z.NEVER;
    }
    return milliseconds;
  });

function toMilliseconds(value: Duration): number | undefined {
  try {
    const milliseconds = msToNumber(value as Parameters<typeof msToNumber>[0]);
    return Number.isFinite(milliseconds) && milliseconds > 0 ? milliseconds : undefined;
  } catch {
    return undefined;
  }
}

/** Checks options against their schema, and says everything that is wrong with them at once. */
export function checkOptions<Schema extends z.ZodObject>(
  subject: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const checked = schema.safeParse(options);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.map((issue) => {
    const path = issue.path.map(String).join('.');
    if (issue.code === 'unrecognized_keys') {
      const where = path === '' ? '' : ` in ${path}`;
      const known = knownKeys(schema, issue.path);
      return `unknown option ${issue.keys.join(', ')}${where}${known === '' ? '' : ` (known: ${known})`}`;
    }
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  throw new DeclarationError(`${subject}: ${problems.join('; ')}`);
}

function knownKeys(schema: z.ZodObject, path: readonly PropertyKey[]): string {
  let current: unknown = schema;
  for (const key of path) {
    if (current instanceof z.ZodOptional) current = current.unwrap();
    if (!(current instanceof z.ZodObject)) return '';
    current = current.shape[String(key)];
  }
  if (current instanceof z.ZodOptional) current = current.unwrap();
  return current instanceof z.ZodObject ? Object.keys(current.shape).join(', ') : '';
}

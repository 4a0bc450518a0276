import { z } from 'zod';

/** What the methods of zod's classic schemas do, in whatever copy of zod they are. */
interface Classic {
  meta?: () => Record<string, unknown> | undefined;
  toJSONSchema?: (params: object) => Record<string, unknown>;
}

/**
 * The JSON Schema of a zod schema's input, before defaults and transforms: that is what the model writes. The
 * schema may come from another copy of zod, with descriptions in a registry of its own. Throws if anything of
 * it would be lost; the message is the end of a sentence.
 */
export function describeZod(schema: z.core.$ZodType): Record<string, unknown> {
  const params = { io: 'input', metadata: { get: metadataOf }, override: rejectUnread } as const;
  const { toJSONSchema } = schema as Classic;
  try {
    const { $schema: _, ...jsonSchema } =
      isOurs(schema) || toJSONSchema === undefined
        ? z.toJSONSchema(schema, params as object)
        : toJSONSchema(params);
    return jsonSchema;
  } catch (error) {
    if (error instanceof UnreadError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot be turned into a JSON Schema: ${why}`, { cause: error });
  }
}

class UnreadError extends Error {
  constructor({ _zod: { version } }: z.core.$ZodType, what: string) {
    super(
      `has a schema of zod ${text(version)}, and zod ${text(z.core.version)} of Plait cannot read ${what}; install zod ${text(z.core.version)} for your schemas too`,
    );
  }
}

/** From this version on, all copies share one registry. */
const SHARED_REGISTRY = { major: 4, minor: 1, patch: 13 };

function metadataOf(schema: z.core.$ZodType): object | undefined {
  const {
    meta,
    _zod: { version },
  } = schema as Classic & z.core.$ZodType;
  if (meta !== undefined) return meta.call(schema);
  if (isBefore(version, SHARED_REGISTRY)) throw new UnreadError(schema, 'its descriptions');
  return z.globalRegistry.get(schema);
}

const WITH_TYPE = new Set(['array', 'boolean', 'number', 'object', 'record', 'string', 'tuple']);

/** Versions of zod describe types in different ways. A type that was not understood has become `{}`. */
function rejectUnread({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodType;
  jsonSchema: object;
}): void {
  const { def } = zodSchema['_zod'];
  if (!WITH_TYPE.has(def.type) || 'type' in jsonSchema || '$ref' in jsonSchema) return;
  throw new UnreadError(zodSchema, 'its type');
}

interface Version {
  major: number;
  minor: number;
  patch: number;
}

function isOurs({ _zod: { version } }: z.core.$ZodType): boolean {
  return text(version) === text(z.core.version);
}

function isBefore(a: Version, b: Version): boolean {
  return (a.major - b.major || a.minor - b.minor || a.patch - b.patch) < 0;
}

function text({ major, minor, patch }: Version): string {
  return `${major}.${minor}.${patch}`;
}

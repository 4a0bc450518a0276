import type { TypedSearchAttributes } from '@temporalio/common';
import type { KeywordKey } from '../core/search-attributes.ts';

/** Keywords that a listed workflow must have. */
export type Wanted = readonly { key: KeywordKey; value: string }[];

/** What an option asks for; nothing when it is left out. */
export function keyword(key: KeywordKey, value: string | undefined): Wanted {
  return value === undefined ? [] : [{ key, value }];
}

/**
 * The query for workflows of a type, in the language of Temporal's lists. It finds all that have what
 * is wanted, and maybe others: `hasWanted` tells.
 */
export function visibilityQuery(type: string, wanted: Wanted, status?: string): string {
  return [
    `WorkflowType = ${literal(type)}`,
    // A run that goes on in another one is no end.
    `ExecutionStatus ${status === undefined ? '!= "ContinuedAsNew"' : `= ${literal(status)}`}`,
    ...wanted.map(({ key, value }) => condition(key.name, value)),
  ].join(' AND ');
}

/**
 * Whether a listed workflow has exactly what is wanted. Some databases take upper and lower case for
 * the same, and not every value can be asked for.
 */
export function hasWanted(attributes: TypedSearchAttributes, wanted: Wanted): boolean {
  return wanted.every(({ key, value }) => attributes.get(key) === value);
}

/**
 * The server escapes these once more for its database, which compares with what comes of it, and it
 * loses a quote at either end. So only what stands before them is asked for.
 */
const UNSAFE = /['"\\\p{Cc}]/u;

function condition(name: string, value: string): string {
  const safe = value.slice(0, UNSAFE.exec(value)?.index);
  if (safe === value) return `${name} = ${literal(value)}`;
  return safe === '' ? `${name} IS NOT NULL` : `${name} STARTS_WITH ${literal(safe)}`;
}

/** Of a text that holds nothing to escape. */
function literal(text: string): string {
  return `'${text}'`;
}

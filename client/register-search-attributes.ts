import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import { PlaitError } from '../core/errors.ts';
import { invalidArgument } from './temporal-errors.ts';

/** Temporal's numbers for the types a search attribute can have, by the CLI's names. */
const TYPE_NUMBERS = {
  Text: 1,
  Keyword: 2,
  Int: 3,
  Double: 4,
  Bool: 5,
  Datetime: 6,
  KeywordList: 7,
} as const;

export type SearchAttributeTypeName = keyof typeof TYPE_NUMBERS;

/** A search attribute exists with another type, and a server cannot change that. */
export class SearchAttributeTypeError extends PlaitError {
  override readonly name = 'SearchAttributeTypeError' as const;
  override readonly code = 'SEARCH_ATTRIBUTE_TYPE' as const;
  /** The name of the search attribute. */
  readonly attribute: string;

  constructor(attribute: string, type: SearchAttributeTypeName, namespace: string) {
    super(
      `The search attribute ${attribute} exists in namespace ${namespace} with another type than ${type}, and Temporal cannot change it.`,
    );
    this.attribute = attribute;
  }
}

/** What happened to each attribute, by its name. */
export type Registered = Readonly<Record<string, 'registered' | 'existed'>>;

/** The types of all custom search attributes of a namespace, by their names. */
export async function searchAttributeTypes(
  connection: ConnectionLike,
  namespace: string,
): Promise<Record<string, string>> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const names = new Map<number, string>(Object.entries(TYPE_NUMBERS).map(([name, n]) => [n, name]));
  return Object.fromEntries(
    Object.entries(customAttributes).map(([name, type]) => [name, names.get(type) ?? `${type}`]),
  );
}

/**
 * Makes sure that these custom search attributes exist, all or none of them. It asks the server, since
 * the CLI's `--search-attribute` does nothing when the database file exists.
 *
 * Throws a `SearchAttributeTypeError` when one exists with another type: a server would keep the old
 * type and report nothing.
 */
export async function registerSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
  attributes: Readonly<Record<string, SearchAttributeTypeName>>,
): Promise<Registered> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const searchAttributes: Record<string, number> = {};
  const registered: Record<string, Registered[string]> = {};
  for (const [name, type] of Object.entries(attributes)) {
    const existing: number | undefined = customAttributes[name];
    if (existing !== undefined && existing !== TYPE_NUMBERS[type]) {
      throw new SearchAttributeTypeError(name, type, namespace);
    }
    if (existing === undefined) searchAttributes[name] = TYPE_NUMBERS[type];
    registered[name] = existing === undefined ? 'registered' : 'existed';
  }
  if (Object.keys(searchAttributes).length > 0) {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  }
  return registered;
}

/**
 * Waits until the server knows these search attributes: it reads its settings every few seconds.
 * Returns whether it knows them before the timeout.
 */
export async function untilKnown(
  connection: ConnectionLike,
  namespace: string,
  names: readonly string[],
  timeoutMs: number,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  const query = names.map((name) => `${name} IS NOT NULL`).join(' AND ');
  for (;;) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return true;
    } catch (error) {
      if (invalidArgument(error) === undefined) throw error;
      if (Date.now() >= deadline) return false;
    }
    await sleep(10);
  }
}

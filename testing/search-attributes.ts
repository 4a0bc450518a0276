import type { Connection } from '@temporalio/client';

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

/**
 * Makes sure that these custom search attributes exist. Done through the server rather than the
 * CLI's `--search-attribute`, which does nothing when the database file exists already.
 *
 * @throws when one exists with another type: a server keeps the old type and says nothing
 */
export async function registerSearchAttributes(
  connection: Connection,
  namespace: string,
  attributes: Readonly<Record<string, SearchAttributeTypeName>>,
): Promise<void> {
  const wanted = Object.entries(attributes);
  if (wanted.length === 0) return;
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing: Record<string, number> = {};
  for (const [name, type] of wanted) {
    const existing: number | undefined = customAttributes[name];
    if (existing === undefined) {
      missing[name] = TYPE_NUMBERS[type];
    } else if (existing !== TYPE_NUMBERS[type]) {
      throw new Error(
        `The search attribute ${name} exists in namespace ${namespace} with another type than ${type}, and Temporal cannot change it. Choose another name, or a new database file.`,
      );
    }
  }
  if (Object.keys(missing).length === 0) return;
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: missing });
}

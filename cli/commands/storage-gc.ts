import { defined } from '../../core/json.ts';
import { liveKeys } from '../../storage/live-keys.ts';
import { checkListing } from '../../storage/check-storage.ts';
import type { UnreadableHistory } from '../../storage/errors.ts';
import { NothingNeededError } from '../../storage/errors.ts';
import type { SweepReport, Tally } from '../../storage/sweep.ts';
import { sweep } from '../../storage/sweep.ts';
import { CliError, EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { progressOn } from '../progress.ts';
import { say } from '../say.ts';
import { clientStorage } from '../storage-setting.ts';
import { configuredTarget, connectTo } from '../temporal-target.ts';
import { oneLine, spanText } from '../text.ts';

export interface StorageGcOptions {
  storage?: string;
  /** Milliseconds. */
  olderThan: number;
  namespaces?: readonly string[];
  /** Workflow types. */
  ignoreUnreadable?: readonly string[];
  removeAll?: boolean;
  dryRun?: boolean;
}

/**
 * Keep objects of the last day, although no workflow names them: the result of a running call is not in a
 * history yet, and a worker does not write an object again within an hour.
 */
const MIN_AGE_MS = 86_400_000;

/** `plait storage gc`: removes objects from the storage that no workflow needs. */
export async function storageGcCommand(options: StorageGcOptions): Promise<ExitCode> {
  const { olderThan, namespaces, ignoreUnreadable, removeAll = false, dryRun = false } = options;
  if (olderThan < MIN_AGE_MS) {
    const message = `--older-than must be at least 1 d, because running calls may need newer objects; got ${spanText(olderThan)}`;
    throw new CliError(EXIT_CODES.wrongInput, message);
  }
  const storage = clientStorage(options.storage);
  if (storage === undefined) {
    const message = 'No storage is configured. Name it with --storage or PLAIT_STORAGE.';
    throw new CliError(EXIT_CODES.wrongInput, message);
  }
  await checkListing(storage);
  const client = await connectTo(configuredTarget(), storage);
  const progress = progressOn(process.stderr);
  try {
    const writtenBefore = new Date(Date.now() - olderThan);
    const ignored: UnreadableHistory[] = [];
    const onUnreadable = (left: UnreadableHistory) => void ignored.push(left);
    const live = () =>
      liveKeys(client, {
        onUnreadable,
        onProgress: (read) => progress.show(`${read} workflows read …`),
        ...defined({ namespaces, ignoreUnreadable }),
      });
    const report = await sweep(storage, {
      live,
      writtenBefore,
      removeAll,
      dryRun,
      onProgress: ({ listed, removed }) =>
        progress.show(
          removed === 0 ? `${listed} objects listed …` : `${removed} objects removed …`,
        ),
    }).catch((error: unknown) => {
      if (!(error instanceof NothingNeededError)) throw error;
      const message = `${error.message} To remove it all anyway, add --remove-all.`;
      throw new CliError(EXIT_CODES.rejected, message, { cause: error });
    });
    progress.clear();
    for (const line of reportLines(report, storage.location, writtenBefore, dryRun)) say(line);
    for (const line of ignoredLines(ignored)) say(line);
    return EXIT_CODES.ok;
  } finally {
    progress.clear();
    await client.connection.close();
    await storage.close();
  }
}

function reportLines(
  { removed, needed, young }: SweepReport,
  location: string,
  writtenBefore: Date,
  dryRun: boolean,
): string[] {
  const day = writtenBefore.toISOString().replace(/\.\d+/, '');
  return [
    `Storage ${location}`,
    `${dryRun ? 'Would remove' : 'Removed'} ${objects(removed)}: written before ${day}, and needed by no workflow.`,
    `${dryRun ? 'Would keep' : 'Kept'} ${objects(needed)} that workflows need, and ${objects(young)} that are younger.`,
  ];
}

/** One line for each type: there may be thousands of workflows. */
function ignoredLines(ignored: readonly UnreadableHistory[]): string[] {
  const types = [...new Set(ignored.map(({ workflowType }) => workflowType))];
  return types.map((type) => {
    const those = ignored.filter(({ workflowType }) => workflowType === type);
    const [{ what, reason } = { what: '', reason: '' }] = those;
    const count = those.length === 1 ? what : `${those.length} of type ${type}, such as ${what}`;
    return oneLine(`Left out what cannot be read of ${count}: ${reason}.`);
  });
}

function objects({ objects, bytes }: Tally): string {
  const size = bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  return `${objects} ${objects === 1 ? 'object' : 'objects'} (${size})`;
}

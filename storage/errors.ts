import { PlaitError } from '../core/errors.ts';

/** A setting of the storage is invalid, or a package that it needs is not installed. */
export class InvalidStorageError extends PlaitError {
  override readonly name = 'InvalidStorageError' as const;
  override readonly code = 'INVALID_STORAGE' as const;
}

/** The storage cannot be written or read: by a worker that starts, or by a client. */
export class StorageUnavailableError extends PlaitError {
  override readonly name = 'StorageUnavailableError' as const;
  override readonly code = 'STORAGE_UNAVAILABLE' as const;
}

/** A sweep would remove everything old, because the storage holds nothing that is needed. */
export class NothingNeededError extends PlaitError {
  override readonly name = 'NothingNeededError' as const;
  override readonly code = 'NOTHING_NEEDED' as const;

  constructor() {
    super(
      'The storage holds nothing that a workflow needs, so everything old in it would be removed. Check that it is the storage of this Temporal server and namespace.',
    );
  }
}

/** A workflow or a schedule that cannot be read completely, so that the objects that it needs are not known. */
export interface UnreadableHistory {
  /** As in "workflow order-17" and "schedule nightly". */
  what: string;
  /** The type of the workflow, or of those that the schedule starts. */
  workflowType: string;
  namespace: string;
  /** The reason, in words. */
  reason: string;
}

/** Which stored objects a workflow needs cannot be found out, so nothing may be removed. */
export class UnreadableHistoryError extends PlaitError {
  override readonly name = 'UnreadableHistoryError' as const;
  override readonly code = 'UNREADABLE_HISTORY' as const;
  readonly unreadable: UnreadableHistory;

  constructor(unreadable: UnreadableHistory, options?: ErrorOptions) {
    const { what, workflowType, namespace, reason } = unreadable;
    const named = JSON.stringify(workflowType);
    super(
      `Cannot find out which stored objects ${what} of type ${named} in namespace ${namespace} needs: ${reason.replace(/\.$/, '')}. If workflows of this type do not use the storage, leave out what cannot be read of them: --ignore-unreadable ${/^[\w.-]+$/.test(workflowType) ? workflowType : named}, or in a program ignoreUnreadable: [${named}].`,
      options,
    );
    this.unreadable = unreadable;
  }
}

/** Opens something when it is first used. When that fails, the next use tries again. */
export class Opened<T> {
  private opening: Promise<T> | undefined;
  private readonly open: () => Promise<T>;

  constructor(open: () => Promise<T>) {
    this.open = open;
  }

  get(): Promise<T> {
    return (this.opening ??= this.open().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    }));
  }

  /** Returns what is open, for the caller to close. The next use opens another. */
  async take(): Promise<T | undefined> {
    const { opening } = this;
    this.opening = undefined;
    return await opening;
  }
}

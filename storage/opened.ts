/** What is opened with its first use, and again with the next one where that has failed. */
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

  /** What is open, to be closed; the next use opens another. */
  async take(): Promise<T | undefined> {
    const { opening } = this;
    this.opening = undefined;
    return await opening;
  }
}

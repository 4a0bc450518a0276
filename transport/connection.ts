/** Something that can keep the process alive, or not. */
export interface Refable {
  ref: () => void;
  unref: () => void;
}

/** A connection that keeps the process alive only while it is used. */
export class IdleConnection<Client extends Refable> {
  readonly client: Client;
  private users = 0;

  constructor(client: Client) {
    this.client = client;
    client.unref();
  }

  async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    this.users += 1;
    this.client.ref();
    try {
      return await work(this.client);
    } finally {
      this.users -= 1;
      if (this.users === 0) this.client.unref();
    }
  }
}

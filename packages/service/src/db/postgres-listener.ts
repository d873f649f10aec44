/** Owns a connection to PostgreSQL that listens for notifications, from the moment it does until it is lost or given back. */
import { databaseFault, unavailable } from './database-fault.ts';
import type { Listening, NotificationListener } from './database.ts';
import { within } from './deadline.ts';
import type { HeldClient, PostgresClient } from './postgres-pool.ts';

/** Opens a connection of its own. @throws `unavailable` when it cannot be opened in time, or an error of the address. */
export async function openClient(url: string, timeoutMs: number): Promise<HeldClient> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeoutMs, keepAlive: true });
  // Without a listener an error would end the process.
  client.on('error', ignore);
  try {
    await client.connect();
  } catch (error) {
    void client.end().catch(ignore);
    throw databaseFault(error, false);
  }
  const held = client as unknown as PostgresClient;
  return { client: held, release: () => void client.end().catch(ignore) };
}

const ignore = (): void => undefined;

/** Listens on a channel over a client that was taken for it. @throws `unavailable` when that is not answered in time. */
export async function listenOn(
  held: HeldClient,
  channel: string,
  listener: NotificationListener,
  timeoutMs: number,
): Promise<Listening> {
  const listening = new ListeningClient(held, channel, listener, timeoutMs);
  await listening.begin();
  return listening;
}

class ListeningClient implements Listening {
  readonly #held: HeldClient;
  readonly #channel: string;
  readonly #listener: NotificationListener;
  readonly #timeoutMs: number;
  #isEnded = false;

  constructor(held: HeldClient, channel: string, listener: NotificationListener, timeoutMs: number) {
    this.#held = held;
    this.#channel = channel;
    this.#listener = listener;
    this.#timeoutMs = timeoutMs;
    held.client.on('notification', this.#onNotification);
    held.client.on('error', this.#onLost);
    held.client.on('end', this.#onLost);
  }

  async begin(): Promise<void> {
    try {
      await this.#run(`LISTEN ${this.#channel}`);
    } catch (error) {
      this.#end(asError(error));
      throw unavailable(error, false);
    }
  }

  async check(): Promise<void> {
    if (this.#isEnded) return;
    await this.#run('SELECT 1').catch(this.#onLost);
  }

  async stop(): Promise<void> {
    if (this.#isEnded) return;
    // The pool gets a client back that listens no more, or not at all.
    const failure = await this.#run(`UNLISTEN ${this.#channel}`).then(() => undefined, asError);
    this.#end(failure);
  }

  async #run(text: string): Promise<void> {
    await within(this.#held.client.query({ text }), this.#timeoutMs, () => new Error('no answer in time'));
  }

  #end(error: Error | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { client } = this.#held;
    client.off('notification', this.#onNotification);
    client.off('end', this.#onLost);
    this.#held.release(error);
    // A client that was destroyed can still tell of its end, and nobody else listens to it.
    if (error === undefined) client.off('error', this.#onLost);
  }

  readonly #onNotification = ({ channel }: { readonly channel: string }): void => {
    if (channel === this.#channel) this.#listener.onNotification();
  };

  readonly #onLost = (error?: unknown): void => {
    if (this.#isEnded) return;
    this.#end(asError(error));
    this.#listener.onLost();
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the connection ended');
}

/** Owns readers of the feed that write down what they are told, and what there was to be told. */
import type { ConfigChange, FeedEvent } from '@strata/core';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { layerChanges } from '../../packages/service/src/change-view.ts';
import { readFeedPage } from '../../packages/service/src/store/feed.ts';
import type { FeedSubscription } from '../../packages/service/src/subscription.ts';
import type { Observation, Reader, ToldCommit } from './validator.ts';

type ToldChange = Pick<ConfigChange, 'key' | 'scope' | 'scopeId' | 'operation' | 'oldValue' | 'newValue' | 'version'>;

/** Changes as texts to compare. */
export function told(changes: readonly ToldChange[]): string[] {
  return changes.map(({ key, scope, scopeId, operation, oldValue, newValue, version }) =>
    [
      key,
      scopeId === null ? scope : `${scope}:${scopeId}`,
      operation,
      JSON.stringify(oldValue),
      JSON.stringify(newValue),
      version,
    ].join(' '),
  );
}

/** Every commit of a store that a reader of all keys is told of. */
export async function feedOf(database: Database, environment: string): Promise<ToldCommit[]> {
  const commits: ToldCommit[] = [];
  for (let after = 0; ;) {
    const { records } = await readFeedPage(database, environment, after, 500, true);
    for (const record of records) {
      if (record.environment !== environment || record.layers.length === 0) continue;
      commits.push({ revision: record.revision, commit: record.commit, changes: told(layerChanges(record)) });
    }
    const last = records.at(-1);
    if (last === undefined) return commits;
    after = last.revision;
  }
}

/** A reader that can be cut off and come back, by whatever way it reads. */
export abstract class RecordingReader implements Reader {
  readonly observations: Observation[] = [];
  readonly name: string;
  #cursor: number | string;
  #revision: number;

  constructor(name: string, from: number) {
    this.name = name;
    this.#cursor = from;
    this.#revision = from;
  }

  /** The last revision it was told of. */
  get revision(): number {
    return this.#revision;
  }

  /** From where it goes on. */
  get cursor(): number | string {
    return this.#cursor;
  }

  /** Begins to read where it left off. */
  abstract connect(): Promise<void>;

  /** Stops reading. */
  abstract stop(): void;

  protected begin(): void {
    this.observations.push({ is: 'connected', after: Number(String(this.#cursor).split(':')[0]) });
  }

  protected moveTo(cursor: string): void {
    this.#cursor = cursor;
  }

  protected hear(event: FeedEvent): void {
    this.#cursor = event.cursor;
    this.#revision = event.revision;
    if (event.type === 'commit') {
      const { revision, commit, changes } = event;
      this.observations.push({ is: 'commit', revision, commit, changes: told(changes) });
    } else this.observations.push({ is: 'reset', reason: event.type });
  }
}

/** Reads through the library. */
export class LibraryReader extends RecordingReader {
  readonly #service: ConfigurationManagementService;
  readonly #pace: (() => Promise<void>) | undefined;
  #subscription: FeedSubscription | undefined;

  /** @param pace is awaited at each event: a slow reader. */
  constructor(name: string, service: ConfigurationManagementService, from: number, pace?: () => Promise<void>) {
    super(name, from);
    this.#service = service;
    this.#pace = pace;
  }

  async connect(): Promise<void> {
    this.stop();
    const subscription = await this.#service.subscribe({ fromRevision: this.cursor }, (event) => {
      if (this.#subscription !== undefined && this.#subscription !== subscription) return undefined;
      this.hear(event);
      return this.#pace?.();
    });
    this.begin();
    this.#subscription = subscription;
  }

  stop(): void {
    this.#subscription?.stop();
    this.#subscription = undefined;
  }
}

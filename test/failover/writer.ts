/** Owns writers that go on whatever happens to their database, and the look for what they were told that is not so. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { isConfigurationError } from '../../packages/core/src/errors.ts';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import type { Database, Row } from '../../packages/service/src/db/database.ts';

/** A commit that was acknowledged to a writer. */
export interface Acknowledged {
  readonly id: string;
  readonly revision: number;
}

const keys = ['k0', 'k1', 'k2'];
const scope = 'org' as const;
const passing: ReadonlySet<string> = new Set(['unavailable', 'outcome_unknown', 'busy']);

/** Writes until it is told to stop, each commit with an id of its own, repeating what was not answered with its idempotency key. */
export class Writer {
  readonly acknowledged: Acknowledged[] = [];
  /** How often it has repeated a call. */
  repeated = 0;
  #isStopped = false;
  readonly #done: Promise<void>;

  /** @param scopeId where it writes; other writers of the same service may write there too. */
  constructor(service: ConfigurationManagementService, scopeId: string) {
    this.#done = this.#write(service, scopeId);
  }

  /** Resolves when its last commit was acknowledged; rejects with what was refused for good. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #write(service: ConfigurationManagementService, scopeId: string): Promise<void> {
    for (let n = 0; !this.#isStopped; n += 1) {
      const id = randomUUID();
      // Others write to the same keys, so that a second application would not be the same value again.
      const changes = [0, 1].map((offset) => ({
        scope,
        scopeId,
        key: keys[(n + offset) % keys.length] ?? '',
        value: { id },
      }));
      this.acknowledged.push({ id, revision: await this.#commit(service, changes, id) });
    }
  }

  async #commit(
    service: ConfigurationManagementService,
    changes: Parameters<ConfigurationManagementService['commit']>[0],
    idempotencyKey: string,
  ): Promise<number> {
    for (;;) {
      try {
        return (await service.commit(changes, 'ada', undefined, { idempotencyKey })).revision;
      } catch (error) {
        if (!isConfigurationError(error) || !passing.has(error.code)) throw error;
        this.repeated += 1;
        await wait(10);
      }
    }
  }
}

/** What is wrong with the commits of writers: lost, elsewhere than it was told, or there twice. */
export async function findMisapplied(database: Database, acknowledged: readonly Acknowledged[]): Promise<string[]> {
  const rows = await database.query<Row & { id: string; revision: number }>(
    `SELECT DISTINCT value ->> 'id' AS id, revision FROM configuration_versions
    WHERE scope = $1 AND key = ANY($2::text[])`,
    [scope, keys],
  );
  const revisionsOf = new Map<string, number[]>();
  for (const { id, revision } of rows) revisionsOf.set(id, [...(revisionsOf.get(id) ?? []), revision]);
  return [
    ...acknowledged
      .filter(({ id, revision }) => revisionsOf.get(id)?.includes(revision) !== true)
      .map(({ id, revision }) => `${id} was acknowledged at ${String(revision)} and is not there`),
    ...[...revisionsOf]
      .filter(([, revisions]) => revisions.length > 1)
      .map(([id, revisions]) => `${id} was applied at ${revisions.join(' and ')}`),
  ];
}

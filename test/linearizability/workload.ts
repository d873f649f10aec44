/** Owns recorded histories: clients that hop between the processes of one store, and what they were told. */
import { randomUUID } from 'node:crypto';
import { isConfigurationError } from '@strata/core';
import type { ConfigurationManagementService as Service } from '../../packages/service/src/configuration-management-service.ts';
import type { Action, Held, StoredVersion, ToldOperation } from './history.ts';

/** How a history is recorded. */
export interface WorkloadOptions {
  readonly services: readonly Service[];
  /** Keys of this history alone. */
  readonly keys: readonly [string, string, ...string[]];
  readonly clients: number;
  readonly operations: number;
  /**
   * Whose revisions a read asks for: its client's own (`session`), or those of all answers so far (`shared`), as where clients tell each
   * other.
   */
  readonly asks: 'session' | 'shared';
}

/** What was recorded. */
export interface Recorded {
  readonly history: readonly ToldOperation[];
  /** How many reads were refused. */
  readonly refusedReads: number;
}

const global = { scope: 'global' } as const;
/** How often a write whose outcome is unknown is repeated. */
const maxTries = 20;

/** Lets clients work until each has done its operations. */
export async function record(options: WorkloadOptions): Promise<Recorded> {
  const recorder = new Recorder(options);
  await Promise.all(Array.from({ length: options.clients }, (_, n) => recorder.work(`client-${String(n)}`)));
  return recorder;
}

/** What the store holds of keys, by revision. */
export async function storedVersions(service: Service, keys: readonly string[]): Promise<StoredVersion[]> {
  const histories = await Promise.all(keys.map((key) => service.getHistory(key, 1000)));
  return histories.flat().map(({ key, revision, operation, value }) => ({
    key,
    revision,
    value: operation === 'delete' ? null : (value as string),
  }));
}

type Outcome = Pick<ToldOperation, 'revision' | 'refusedAt'> | 'unknown';

class Recorder implements Recorded {
  readonly history: ToldOperation[] = [];
  refusedReads = 0;
  readonly #options: WorkloadOptions;
  /** The newest revision that any client was told. */
  #told = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  async work(client: string): Promise<void> {
    const { services, operations, asks } = this.#options;
    let seen = 0;
    for (let n = 0; n < operations; n += 1) {
      const at = Math.floor(Math.random() * services.length);
      const service = services[at];
      if (service === undefined) throw new Error('there are no services');
      const began = this.history.length;
      const minRevision = Math.random() < 0.65 ? (asks === 'session' ? seen : this.#told) : undefined;
      const told = { client, process: String(at) };
      const chance = Math.random();
      if (chance < 0.5) await this.#read(service, told, pick(this.#options.keys), minRevision);
      else if (chance < 0.76) await this.#set(service, told, pick(this.#options.keys));
      else if (chance < 0.86) await this.#replace(service, told, pick(this.#options.keys));
      else if (chance < 0.92) await this.#remove(service, told, pick(this.#options.keys));
      else await this.#commit(service, told);
      for (const { client: who, revision = 0, refusedAt = 0 } of this.history.slice(began)) {
        if (who === client) seen = Math.max(seen, revision, refusedAt);
        this.#told = Math.max(this.#told, revision, refusedAt);
      }
    }
  }

  async #read(
    service: Service,
    told: Pick<ToldOperation, 'client' | 'process'>,
    key: string,
    minRevision: number | undefined,
  ): Promise<Held> {
    const start = performance.now();
    try {
      const read = await service.read<Held>(key, global, minRevision === undefined ? {} : { minRevision });
      const { value, revision, age, stale } = read;
      const action = { kind: 'get', value } as const;
      this.history.push({
        ...told,
        key,
        action,
        start,
        end: performance.now(),
        revision,
        read: { minRevision, age, stale },
      });
      return value;
    } catch (error) {
      if (!isConfigurationError(error) || error.status !== 503) throw error;
      this.refusedReads += 1;
      return null;
    }
  }

  async #set(service: Service, told: Pick<ToldOperation, 'client' | 'process'>, key: string): Promise<void> {
    const value = randomUUID();
    await this.#write(told, [[key, () => ({ kind: 'set', value })]], (idempotencyKey) =>
      service.set(key, value, global, told.client, undefined, { idempotencyKey }),
    );
  }

  /** Writes over what is there, by its version. */
  async #replace(service: Service, told: Pick<ToldOperation, 'client' | 'process'>, key: string): Promise<void> {
    const layer = await service.getLayer(key, global).catch(() => undefined);
    if (layer === undefined) return;
    const value = randomUUID();
    const expected = layer === null ? null : (layer.value as string);
    await this.#write(told, [[key, (isApplied) => ({ kind: 'cas', expected, value, isApplied })]], (idempotencyKey) =>
      service.set(key, value, global, told.client, undefined, { ifVersion: layer?.version ?? null, idempotencyKey }),
    );
  }

  async #remove(service: Service, told: Pick<ToldOperation, 'client' | 'process'>, key: string): Promise<void> {
    await this.#write(told, [[key, (isApplied) => ({ kind: 'delete', isApplied })]], (idempotencyKey) =>
      service.delete(key, global, told.client, undefined, { idempotencyKey }),
    );
  }

  /** Writes two keys as one. */
  async #commit(service: Service, told: Pick<ToldOperation, 'client' | 'process'>): Promise<void> {
    const [a, b] = this.#options.keys;
    const changes = [a, b].map((key) => ({ key, ...global, value: randomUUID() }));
    const actions = changes.map(({ key, value }) => [key, () => ({ kind: 'set', value }) as const] as const);
    await this.#write(told, actions, (idempotencyKey) =>
      service.commit(changes, told.client, undefined, { idempotencyKey }),
    );
  }

  async #write(
    told: Pick<ToldOperation, 'client' | 'process'>,
    actions: readonly (readonly [key: string, action: (isApplied: boolean) => Action])[],
    call: (idempotencyKey: string) => Promise<{ readonly revision: number }>,
  ): Promise<void> {
    const start = performance.now();
    const outcome = await untilKnown(call);
    const end = outcome === 'unknown' ? Infinity : performance.now();
    const answer = outcome === 'unknown' ? { revision: undefined } : outcome;
    for (const [key, action] of actions)
      this.history.push({ ...told, key, action: action(answer.revision !== undefined), start, end, ...answer });
  }
}

/** Repeats a write under one idempotency key until its outcome is known; some clients give up. */
async function untilKnown(call: (idempotencyKey: string) => Promise<{ readonly revision: number }>): Promise<Outcome> {
  const idempotencyKey = randomUUID();
  for (let tries = 0; tries < maxTries; tries += 1) {
    try {
      const { revision } = await call(idempotencyKey);
      return { revision };
    } catch (error) {
      if (isConfigurationError(error, 'conflict') || isConfigurationError(error, 'key_not_found'))
        return { revision: undefined, refusedAt: error.details['revision'] as number };
      if (!isConfigurationError(error) || error.status !== 503) throw error;
      if (error.code === 'outcome_unknown' && Math.random() < 0.5) return 'unknown';
    }
  }
  return 'unknown';
}

function pick<T>([first, ...others]: readonly [T, ...T[]]): T {
  const n = Math.floor(Math.random() * (others.length + 1));
  return n === 0 ? first : (others[n - 1] ?? first);
}

/** Owns the load under which keys are rotated: processes that write secrets, and read their own, each other's and older ones. */
import { expect } from 'vitest';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';

/** A secret of a worker. */
export interface Counted {
  readonly worker: number;
  readonly count: number;
  readonly text: string;
}

/** The text that belongs to a count. */
export const textOf = (worker: number, count: number): string => `secret ${String(worker)}/${String(count)}`;

/** Where a worker keeps its secret. */
export const placeOf = (worker: number) => ({ scope: 'org', scopeId: `worker-${String(worker)}` }) as const;

/** Where the secrets are that nobody writes during the test, each under a data key of its own. */
export const oldPlaceOf = (index: number) => ({ scope: 'org', scopeId: `old-${String(index)}` }) as const;

/** What a load needs to know. */
export interface LoadOptions {
  readonly workers: number;
  /** How many older secrets there are. */
  readonly old: number;
  /** Starts a service, as a process that is restarted would: it has no data key in memory. */
  readonly start: () => ConfigurationManagementService;
}

/** Workers that go on until they are stopped. */
export interface Load {
  /** How many secrets were written and read so far, each by whom. */
  readonly done: readonly number[];
  /** Reads and writes that failed, and reads of a value that was never written there or was replaced before. */
  readonly failures: readonly string[];
  /** Waits until every worker has done so much more. */
  more(operations: number): Promise<void>;
  /** Ends it; answers the count that each worker has written last. */
  stop(): Promise<readonly number[]>;
}

/** How many rounds a service goes through before it is started anew. */
const roundsOfProcess = 8;

/** Starts the workers. */
export function startLoad({ workers, old, start }: LoadOptions): Load {
  const failures: string[] = [];
  const done = Array.from({ length: workers }, () => 0);
  const written = Array.from({ length: workers }, () => 0);
  let isStopped = false;

  const seen = Array.from({ length: workers }, () => 0);
  /** A writer sees what it wrote; others may lag behind by a poll, but see nothing that was not written, and never go back. */
  const read = async (service: ConfigurationManagementService, worker: number, from: number): Promise<void> => {
    const least = worker === from ? (written[worker] ?? 0) : (seen[from] ?? 0);
    const value = await service.get<Counted | null>('tokens', placeOf(worker));
    const count = value?.count ?? 0;
    const isWhole = value === null || (value.worker === worker && value.text === textOf(worker, count));
    const isPossible = count >= least && count <= (written[worker] ?? 0) + 1;
    if (worker !== from) seen[from] = count;
    if (!isWhole || !isPossible) {
      failures.push(`${String(from)} read ${JSON.stringify(value)} of ${String(worker)} after ${String(least)}`);
    }
  };
  const readOld = async (service: ConfigurationManagementService, index: number): Promise<void> => {
    const value = await service.get<string>('secrets', oldPlaceOf(index));
    if (value !== textOf(-1, index)) failures.push(`read ${JSON.stringify(value)} of old ${String(index)}`);
  };
  const work = async (worker: number): Promise<void> => {
    let service = start();
    for (let round = 1; !isStopped; round += 1) {
      try {
        if (round % roundsOfProcess === 0) {
          await service.close();
          service = start();
        }
        const count = (written[worker] ?? 0) + 1;
        await service.set('tokens', { worker, count, text: textOf(worker, count) }, placeOf(worker), 'ann');
        written[worker] = count;
        await read(service, worker, worker);
        await read(service, (worker + 1) % workers, worker);
        await readOld(service, (worker * 7 + round * 13) % old);
        done[worker] = (done[worker] ?? 0) + 4;
      } catch (error) {
        failures.push(`${String(worker)}: ${String(error)}`);
      }
    }
    await service.close();
  };
  const working = Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return {
    done,
    failures,
    async more(operations) {
      const wanted = done.map((count) => count + operations);
      await expect.poll(() => done.every((count, at) => count >= (wanted[at] ?? 0)), { timeout: 60_000 }).toBe(true);
    },
    async stop() {
      isStopped = true;
      await working;
      return written;
    },
  };
}

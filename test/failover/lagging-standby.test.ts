/** Owns the proof that nobody believes what was lost when a standby that lagged behind takes over. */
import { describe, expect, it, vi } from 'vitest';
import { feedOf, LibraryReader } from '../feed/readers.ts';
import { ServerProcess } from '../feed/server-process.ts';
import { SseReader } from '../feed/stream-readers.ts';
import { judge } from '../feed/validator.ts';
import { startRedis } from '../redis-server.ts';
import { pairServices } from './pair-services.ts';

const global = { scope: 'global' } as const;
const patience = { timeout: 20_000, interval: 20 };

describe('a store whose standby lagged behind', () => {
  const store = pairServices();

  /** Waits until the standby has everything that the primary has committed, and stops it. */
  const stopStandby = async (): Promise<void> => {
    const { primary, standby } = store.pair;
    const [row] = await primary.query<{ place: string }>('SELECT pg_current_wal_lsn()::text AS place');
    const isThere = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS done';
    const rows = (): Promise<unknown> => standby.query(isThere, [row?.place ?? '']);
    await vi.waitFor(async () => expect(await rows()).toEqual([{ done: true }]), patience);
    await standby.stop();
  };

  it.each([
    ['has fewer commits than were lost', 0],
    ['has more commits than were lost', 30],
  ])(
    'tells its readers of a reset and serves nothing of what was lost, when the new primary %s',
    async (_, later) => {
      const { pair } = store;
      const redis = await startRedis();
      store.endLater(() => redis.close());
      const [first, second, third] = [
        store.open(pair.config),
        store.open(pair.config),
        store.open(pair.config, { redis: redis.client() }),
      ];
      const services = [first, second, third];
      const server = await ServerProcess.start(pair.url);
      store.endLater(() => server.end());
      const readers = [
        ...services.map((service, n) => new LibraryReader(`library ${String(n)}`, service, 0)),
        new SseReader('stream', 0, () => server.url),
      ];
      for (const reader of readers) await reader.connect();
      const all = (value: unknown): unknown[] => services.map(() => value);
      const valuesOf = (key: string): Promise<unknown[]> =>
        Promise.all(services.map((service): Promise<unknown> => service.get(key)));
      const hear = async (revision: number): Promise<void> => {
        const heard = (): number[] => readers.map((reader) => reader.revision);
        await vi.waitFor(() => expect(heard()).toEqual(readers.map(() => revision)), patience);
      };

      await first.set('limit', 'kept', global, 'ada');
      await stopStandby();
      for (let n = 0; n < 9; n += 1) await first.set('limit', `lost ${String(n)}`, global, 'ada');
      await first.set('only-lost', true, global, 'ada');
      await first.lockConfig('locked', global, {}, 'ada');
      const lost = await first.set('limit', 'lost', global, 'ada');
      await hear(lost.revision);
      expect(await valuesOf('limit')).toEqual(all('lost'));
      expect(await valuesOf('only-lost')).toEqual(all(true));

      await pair.primary.kill();
      await pair.standby.start();
      await pair.promote();
      const direct = store.open(pair.direct);
      for (let n = 0; n < later; n += 1) await direct.set('other', n, global, 'ada');
      pair.lead(pair.primary);

      const resets = (): string[] =>
        readers.map(({ observations }) =>
          observations.flatMap((observation) => (observation.is === 'reset' ? [observation.reason] : [])).join(),
        );
      await vi.waitFor(() => expect(resets()).toEqual(readers.map(() => 'reset')), patience);
      expect(await valuesOf('limit')).toEqual(all('kept'));
      expect(await valuesOf('only-lost')).toEqual(all(null));
      expect(services.map((service): unknown => service.peek('limit', global))).toEqual(all('kept'));
      const late = store.open(pair.config, { redis: redis.client() });
      for (let n = 0; n < 3; n += 1) expect(await late.get('limit')).toBe('kept');

      // What rested on the lost commits is decided anew: a version and a lock.
      const tip = (await store.look((database) => feedOf(database, 'default'))).at(-1)?.revision ?? 0;
      const ifVersion = lost.version;
      await expect(first.set('limit', 1, global, 'ada', '', { ifVersion })).rejects.toMatchObject({ code: 'conflict' });
      await second.set('locked', 1, { scope: 'org', scopeId: 'a' }, 'ada');
      const end = await second.set('limit', 'new', global, 'ada');
      await hear(end.revision);
      expect(await valuesOf('limit')).toEqual(all('new'));
      for (const reader of readers) reader.stop();

      // After the reset each reader is told of everything, once and in order.
      const truth = await store.look((database) => feedOf(database, 'default'));
      const afterwards = readers.map(({ name, observations }) => {
        const at = observations.findLastIndex((observation) => observation.is === 'reset');
        return { name, observations: [{ is: 'connected', after: tip } as const, ...observations.slice(at + 1)] };
      });
      expect(judge(truth, afterwards)).toEqual([]);
    },
    120_000,
  );
});

/** Owns the proof that a store with a synchronous standby outlives its primary: nothing is lost, repeated or kept from a reader. */
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { feedOf, LibraryReader } from '../feed/readers.ts';
import { ServerProcess } from '../feed/server-process.ts';
import { SseReader } from '../feed/stream-readers.ts';
import { judge } from '../feed/validator.ts';
import { check } from '../kill/check.ts';
import { WriterProcess } from '../kill/process.ts';
import { inTier } from '../kill/tier.ts';
import { startTcpProxy } from '../tcp-proxy.ts';
import { pairServices } from './pair-services.ts';
import { findMisapplied, Writer } from './writer.ts';

const global = { scope: 'global' } as const;
/** How long the writers hear nothing before the kill, in milliseconds: long enough for what they have under way to be committed. */
const silence = 150;
/** How long they cannot reach the new primary, in milliseconds: longer than the service asks again by itself. */
const absence = 2500;
const failovers = inTier({ quick: 1, ci: 3, soak: 50 });

describe('a store with a synchronous standby', () => {
  const store = pairServices();

  it(
    `loses nothing, repeats nothing and tells its readers everything when the primary is killed, ${String(failovers)} times`,
    async () => {
      const { pair } = store;
      const server = await ServerProcess.start(pair.url);
      store.endLater(() => server.end());
      const wire = await startTcpProxy({ host: '127.0.0.1', port: Number(pair.config.port) });
      store.endLater(() => wire.close());
      const services = [1, 2].map(() => store.open({ ...pair.config, port: wire.port }));
      const readers = [
        ...services.map((service, n) => new LibraryReader(`library ${String(n)}`, service, 0)),
        ...[0, 1].map((n) => new SseReader(`stream ${String(n)}`, 0, () => server.url)),
      ];
      for (const reader of readers) await reader.connect();
      const other = new WriterProcess({ store: { postgres: pair.config }, run: 1, onRefusal: 'repeat' });
      store.endLater(() => other.kill());
      await other.open();
      const writers = services.flatMap((service, n) => [1, 2, 3].map(() => new Writer(service, String(n))));
      const acknowledged = (): number => writers.reduce((sum, writer) => sum + writer.acknowledged.length, 0);
      const written = async (more: number): Promise<void> => {
        const wanted = acknowledged() + more;
        await vi.waitFor(() => expect(acknowledged()).toBeGreaterThan(wanted), { timeout: 60_000, interval: 5 });
      };
      const interruptions: number[] = [];

      for (let round = 0; round < failovers; round += 1) {
        if (round > 0) await pair.replaceStandby();
        await pair.primary.setSynchronous(true);
        await written(50);
        await other.goOn();

        const began = performance.now();
        const isLong = round % 2 === 0;
        if (isLong) {
          // What is committed in silence is acknowledged to nobody.
          wire.setMode('stall');
          await wait(silence);
        }
        await pair.primary.kill();
        if (isLong) await wire.refuse();
        else wire.cut();
        wire.setMode('pass');
        // An address may lead to the standby before that is the primary.
        if (isLong) pair.lead(pair.standby);
        await pair.promote();
        pair.lead(pair.primary);
        await other.acknowledged();
        interruptions.push(performance.now() - began);
        if (isLong) {
          await wait(absence);
          await wire.accept();
        }
        await written(2);
        await other.acknowledged(5);
      }
      for (const writer of writers) await writer.stop();
      await other.kill();
      await pair.primary.quiet();

      const all = writers.flatMap((writer) => writer.acknowledged);
      await store.look(async (database) => {
        const truth = await feedOf(database, 'default');
        const last = truth.at(-1)?.revision;
        const hasHeard = (): void => expect(readers.map(({ revision }) => revision)).toEqual(readers.map(() => last));
        await vi.waitFor(hasHeard, { timeout: 60_000, interval: 50 });
        for (const reader of readers) reader.stop();
        expect(judge(truth, readers)).toEqual([]);
        expect(await findMisapplied(database, all)).toEqual([]);
        // Looks at the order of revisions too.
        const finding = await check(database, other.reports);
        expect(finding.problems).toEqual([]);
        expect(all.length + finding.acknowledged).toBeGreaterThan(failovers * 60);
      });
      expect(writers.reduce((sum, writer) => sum + writer.repeated, 0)).toBeGreaterThan(0);
      const [middle, longest] = [
        interruptions.toSorted((a, b) => a - b)[failovers >> 1] ?? 0,
        Math.max(...interruptions),
      ];
      process.stdout.write(
        `failover: ${String(failovers)} primaries killed, ${String(all.length)} commits acknowledged, none lost; ` +
          `written again after ${middle.toFixed(0)} ms (median), ${longest.toFixed(0)} ms (longest)\n`,
      );
    },
    60_000 + failovers * 60_000,
  );

  it('says that the outcome is unknown while the standby is away, and applies what is repeated once', async () => {
    const { pair } = store;
    const service = store.open(pair.config);
    await service.set('limit', 0, global, 'ada');
    await pair.primary.setSynchronous(true);
    await pair.standby.stop();
    const idempotencyKey = 'once';
    const write = (): Promise<unknown> => service.set('limit', 1, global, 'ada', '', { idempotencyKey });
    await expect(write()).rejects.toMatchObject({ code: 'outcome_unknown' });
    // What the standby does not have, nobody is shown.
    const other = store.open(pair.config);
    expect(await other.get('limit')).toBe(0);

    await pair.standby.start();
    await vi.waitFor(write, { timeout: 20_000, interval: 50 });
    expect(await other.getHistory('limit')).toHaveLength(2);
    await service.waitForRevision(2);
    expect(await service.get('limit')).toBe(1);
  }, 60_000);
});

/** Owns the proof that a full disk costs nothing that was acknowledged, and that work goes on when there is room again. */
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import { migrate } from '../../packages/service/src/db/migrate.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { openEmbeddedDatabase } from '../../packages/service/src/db/embedded.ts';
import { postgresDatabase } from '../../packages/service/src/db/postgres.ts';
import { isAcknowledgement, type Report } from './acknowledgement.ts';
import { check } from './check.ts';
import { Cluster } from './cluster.ts';
import { WriterProcess } from './process.ts';
import { makeSmallDisk, type SmallDisk } from './small-disk.ts';
import type { WriterOptions } from './writer.ts';

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function smallDisk(megabytes: number): SmallDisk {
  const disk = makeSmallDisk(megabytes);
  endings.push(() => disk.remove());
  return disk;
}

function startWriter(options: WriterOptions): WriterProcess {
  const writer = new WriterProcess(options);
  endings.push(() => writer.kill());
  return writer;
}

function codes(reports: readonly Report[]): string[] {
  return reports.flatMap((report) => (report.is === 'refused' ? [report.code] : []));
}

/** Everything acknowledged is there, nothing is half there, and a write succeeds. */
async function expectSound(database: Database, reports: readonly Report[]): Promise<void> {
  const { problems, acknowledged } = await check(database, reports);
  expect(problems).toStrictEqual([]);
  expect(acknowledged).toBeGreaterThan(3);
  const service = createConfigurationService(database);
  await service.set('afterwards', { at: Date.now() }, { scope: 'global' }, 'ann');
  await service.close();
}

describe('an embedded store on a full disk', () => {
  async function openSound(dataDir: string, reports: readonly Report[]): Promise<void> {
    const database = await openEmbeddedDatabase({ dataDir });
    await expectSound(database, reports).finally(() => database.close());
  }

  it('answers storage_full, and writes again as soon as there is room', async () => {
    const disk = smallDisk(96);
    const dataDir = join(disk.directory, 'store');
    const writer = startWriter({ store: { embedded: { dataDir } }, run: 0, fillWith: 40_000 });
    await writer.acknowledged(5);
    disk.fill([writer.pid ?? 0], 'tables', 0);
    await writer.until((reports) => codes(reports).length > 0);
    expect(codes(writer.reports)).toStrictEqual([disk.refusal]);
    disk.free([writer.pid ?? 0]);
    writer.tell('there is room');
    expect(await writer.exit()).toBe(0);
    expect(codes(writer.reports)).toStrictEqual([disk.refusal]);
    await openSound(dataDir, writer.reports);
  }, 60_000);

  it('acknowledges nothing more where the log has no room, and writes again when it is opened again', async () => {
    const disk = smallDisk(96);
    const dataDir = join(disk.directory, 'store');
    const writer = startWriter({ store: { embedded: { dataDir } }, run: 0, fillWith: 40_000 });
    await writer.acknowledged(5);
    // A segment of the log has 16 MiB, and the first is partly used.
    disk.fill([writer.pid ?? 0], 'log', 15 * 2 ** 20);
    await writer.until((reports) => codes(reports).length > 0);
    disk.free([writer.pid ?? 0]);
    writer.tell('there is room');
    expect(await writer.exit()).toBe(0);
    const { reports } = writer;
    const refused = reports.findIndex(({ is }) => is === 'refused');
    const opened = reports.findLastIndex(({ is }) => is === 'open');
    expect(opened).toBeGreaterThan(refused);
    expect(reports.slice(refused, opened).filter(isAcknowledgement)).toStrictEqual([]);
    expect(codes(reports)[0]).toBe('outcome_unknown');
    expect([...new Set(codes(reports).slice(1))]).toStrictEqual(['unavailable']);
    await openSound(dataDir, reports);
  }, 60_000);

  it('is not made where there is no room, and says so', async () => {
    const disk = smallDisk(8);
    const dataDir = join(disk.directory, 'store');
    const writer = startWriter({ store: { embedded: { dataDir } }, run: 0 });
    disk.fill([writer.pid ?? 0], 'log', 2 ** 20);
    await expect(writer.open()).rejects.toThrow(/unavailable[^]*(?:No space left|no space left|too large|with error)/);
    expect(await writer.exit()).toBe(1);
    disk.free([]);
  }, 60_000);
});

describe('a store on PostgreSQL whose disk is full', () => {
  it('refuses with a code of its own, and works again when there is room', async () => {
    const disk = smallDisk(128);
    const cluster = await Cluster.create(join(disk.directory, 'cluster'));
    endings.push(() => cluster.stop());
    await cluster.createSchema('store');
    const pool = new pg.Pool(cluster.pool('store'));
    pool.on('error', () => undefined);
    const database = postgresDatabase(pool, { timeoutMs: 60_000 });
    endings.push(
      () => pool.end(),
      () => database.close(),
    );
    await migrate(database);

    const store = { postgres: cluster.pool('store') };
    const writer = startWriter({ store, run: 0, fillWith: 40_000 });
    await writer.acknowledged(5);
    disk.fill(cluster.processes(), 'tables', 0);
    await writer.until((reports) => codes(reports).length > 0);
    disk.free(cluster.processes());
    // A server whose log has no room stops, and may not come back by itself.
    if (cluster.processes().length === 0) await cluster.start();
    await expect.poll(() => cluster.query('SELECT 1').catch(() => []), { timeout: 20_000 }).toHaveLength(1);
    writer.tell('there is room');
    expect(await writer.exit()).toBe(0);
    expect([disk.refusal, 'unavailable', 'outcome_unknown']).toEqual(expect.arrayContaining(codes(writer.reports)));
    await expectSound(database, writer.reports);
  }, 120_000);
});

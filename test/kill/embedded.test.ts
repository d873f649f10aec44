/** Owns the proof that an embedded store survives the death of its process at any moment. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedDatabase } from '../../packages/service/src/db/embedded.ts';
import type { Report } from './acknowledgement.ts';
import { check, type Finding } from './check.ts';
import { WriterProcess } from './process.ts';
import { quickPlace } from './quick-place.ts';
import { inTier, kills, killsPerStore, loopTimeout } from './tier.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(quickPlace(), 'strata-test-kill-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function reopenAndCheck(dataDir: string, reports: readonly Report[]): Promise<Finding> {
  const database = await openEmbeddedDatabase({ dataDir });
  try {
    return await check(database, reports);
  } finally {
    await database.close();
  }
}

describe('an embedded store whose process is killed', () => {
  it(
    `has every acknowledged write and nothing by halves, ${String(kills)} times`,
    async () => {
      let acknowledged = 0;
      for (let run = 0; run < kills; run += 1) {
        const dataDir = join(directory, String(Math.floor(run / killsPerStore)));
        const writer = new WriterProcess({ store: { embedded: { dataDir } }, run });
        // Every fourth is killed wherever it is, most likely while the store opens.
        if (run % 4 === 3) await wait(Math.random() * 900);
        else await writer.goOn();
        await writer.kill();
        const finding = await reopenAndCheck(dataDir, writer.reports);
        expect(finding.problems, `after kill ${String(run + 1)}`).toStrictEqual([]);
        expect(writer.reports.filter(({ is }) => is === 'refused')).toStrictEqual([]);
        acknowledged += finding.acknowledged;
        if (run % killsPerStore === killsPerStore - 1) rmSync(dataDir, { recursive: true });
      }
      process.stdout.write(`embedded: ${String(kills)} kills, ${String(acknowledged)} acknowledged, none lost\n`);
      expect(acknowledged).toBeGreaterThan(kills * 10);
    },
    loopTimeout,
  );

  it(
    'opens when it was killed while it was made',
    async () => {
      for (let run = 0; run < inTier({ quick: 2, ci: 10, soak: 50 }); run += 1) {
        const dataDir = join(directory, `new-${String(run)}`);
        const writer = new WriterProcess({ store: { embedded: { dataDir } }, run });
        await wait(300 + Math.random() * 3000);
        await writer.kill();
        expect((await reopenAndCheck(dataDir, writer.reports)).problems).toStrictEqual([]);
        rmSync(dataDir, { recursive: true });
      }
    },
    loopTimeout,
  );
});

describe('an embedded store that is open', () => {
  it('is refused to a second process, which is told the pid, and goes to it at once when the first is killed', async () => {
    const dataDir = join(directory, 'store');
    const first = await openEmbeddedDatabase({ dataDir });
    const refused = new WriterProcess({ store: { embedded: { dataDir } }, run: 0 });
    await expect(refused.open()).rejects.toThrow(`already open in process ${String(process.pid)}`);
    expect(await refused.exit()).toBe(1);
    await first.close();

    const owner = new WriterProcess({ store: { embedded: { dataDir } }, run: 1 });
    await owner.open();
    await expect(openEmbeddedDatabase({ dataDir })).rejects.toMatchObject({
      code: 'database_in_use',
      details: { pid: owner.pid },
    });
    await owner.kill();
    const follower = await openEmbeddedDatabase({ dataDir });
    await expect(openEmbeddedDatabase({ dataDir })).rejects.toMatchObject({
      code: 'database_in_use',
      details: { pid: process.pid },
    });
    await follower.close();
  }, 60_000);
});

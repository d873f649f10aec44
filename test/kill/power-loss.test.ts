/** Owns the proof that an embedded store survives a loss of power, as far as one can be simulated; see `simulated-disk.ts`. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedDatabase } from '../../packages/service/src/db/embedded.ts';
import { isAcknowledgement, type Report } from './acknowledgement.ts';
import { check, type Finding } from './check.ts';
import { WriterProcess } from './process.ts';
import { quickPlace } from './quick-place.ts';
import type { DiskOptions } from './simulated-disk.ts';
import { inTier, killsPerStore, loopTimeout } from './tier.ts';

const losses = inTier({ quick: 4, ci: 40, soak: 500 });

let directory: string;
let root: string;
let shadow: string;
let dataDir: string;

beforeEach(() => {
  directory = mkdtempSync(join(quickPlace(), 'strata-test-power-'));
  root = join(directory, 'disk');
  shadow = join(directory, 'shadow');
  dataDir = join(root, 'store');
  mkdirSync(root);
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Leaves of the disk only what it would hold without power. */
function losePower(): void {
  rmSync(root, { recursive: true });
  if (existsSync(shadow)) renameSync(shadow, root);
  else mkdirSync(root);
}

async function reopenAndCheck(reports: readonly Report[]): Promise<Finding> {
  const database = await openEmbeddedDatabase({ dataDir });
  try {
    return await check(database, reports);
  } finally {
    await database.close();
  }
}

/** Writes until the power fails. */
async function writeUntilPowerFails(run: number, disk: Partial<DiskOptions>, relaxed = false): Promise<Report[]> {
  const store = { embedded: { dataDir, relaxed } };
  const writer = new WriterProcess({ store, run, checkpoints: true }, { root, shadow, ...disk });
  await writer.goOn();
  await writer.kill();
  losePower();
  return writer.reports;
}

/** Which pages that were not synced are on the disk all the same: none, half of them, or nearly all. */
const writeBacks = [0, 0.5, 0.9];

describe('an embedded store that loses power', () => {
  it(
    `opens and has every acknowledged write, ${String(losses)} times`,
    async () => {
      let acknowledged = 0;
      for (let run = 0; run < losses; run += 1) {
        const reports = await writeUntilPowerFails(run, { writeBack: writeBacks[run % writeBacks.length] ?? 0 });
        const finding = await reopenAndCheck(reports);
        expect(finding.problems, `after loss ${String(run + 1)}`).toStrictEqual([]);
        expect(reports.filter(({ is }) => is === 'refused')).toStrictEqual([]);
        acknowledged += finding.acknowledged;
        if (run % killsPerStore === killsPerStore - 1) rmSync(dataDir, { recursive: true });
      }
      process.stdout.write(`power: ${String(losses)} losses, ${String(acknowledged)} acknowledged, none lost\n`);
      expect(acknowledged).toBeGreaterThan(losses * 10);
    },
    loopTimeout,
  );

  it(
    'opens when that was while it was made',
    async () => {
      for (let run = 0; run < inTier({ quick: 1, ci: 10, soak: 50 }); run += 1) {
        const writer = new WriterProcess({ store: { embedded: { dataDir } }, run }, { root, shadow, writeBack: 0.5 });
        await wait(500 + Math.random() * 3000);
        await writer.kill();
        losePower();
        expect((await reopenAndCheck(writer.reports)).problems).toStrictEqual([]);
        rmSync(dataDir, { recursive: true });
      }
    },
    loopTimeout,
  );

  it('has lost writes or is broken where it is relaxed, so these tests can tell', async () => {
    const database = await openEmbeddedDatabase({ dataDir });
    await database.close();
    const reports = await writeUntilPowerFails(0, { writeBack: 0.5 }, true);
    // A broken store may end whoever opens it, so another process tries first.
    const probe = new WriterProcess({ store: { embedded: { dataDir } }, run: 1 });
    const opens = await probe.open(20_000).then(
      () => true,
      () => false,
    );
    await probe.kill();
    const problems = opens ? (await reopenAndCheck(reports)).problems : ['it does not open'];
    expect(problems).not.toStrictEqual([]);
  }, 60_000);
});

describe('an embedded store whose disk fails to sync', () => {
  const failures = inTier({ quick: 3, ci: 15, soak: 200 });

  it(
    `acknowledges nothing more, and has all that it acknowledged after a loss of power, at ${String(failures)} syncs`,
    async () => {
      for (let run = 0; run < failures; run += 1) {
        rmSync(join(directory, 'armed'), { force: true });
        // A checkpoint makes some thirty syncs, of files and directories, between those of commits.
        const failingSync = 1 + Math.floor(Math.random() * 60);
        const disk = { root, shadow, failingSync };
        const options = { store: { embedded: { dataDir } }, run, checkpoints: true, onRefusal: 'close' } as const;
        const writer = new WriterProcess(options, disk);
        await writer.acknowledged(10);
        writeFileSync(join(directory, 'armed'), '');
        expect(await writer.exit()).toBe(0);
        losePower();
        const { reports } = writer;
        const codes = reports.flatMap((report) => (report.is === 'refused' ? [report.code] : []));
        expect(codes.length).toBeGreaterThan(7);
        expect(codes.filter((code) => code !== 'unavailable' && code !== 'outcome_unknown')).toStrictEqual([]);
        const first = reports.findIndex(({ is }) => is === 'refused');
        expect(reports.slice(first).filter(isAcknowledgement), `sync ${String(failingSync)}`).toStrictEqual([]);
        expect((await reopenAndCheck(reports)).problems, `sync ${String(failingSync)}`).toStrictEqual([]);
      }
    },
    loopTimeout,
  );
});

/** Owns the proof that an import or the restoring of a backup that is killed is there as a whole, or not at all, or is finished by repeating it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import { openEmbeddedDatabase } from '../../packages/service/src/db/embedded.ts';
import { testKey } from '../http-server.ts';
import { quickPlace } from './quick-place.ts';
import { inTier, loopTimeout } from './tier.ts';
import type { TransferOptions } from './transferrer.ts';

const keys = 3000;
const rounds = inTier({ quick: 2, ci: 3, soak: 100 });
const global = { scope: 'global' } as const;

let directory: string;
let document: string;
let backup: string;

async function inStore<T>(dataDir: string, work: (service: ConfigurationManagementService) => Promise<T>): Promise<T> {
  const database = await openEmbeddedDatabase({ dataDir });
  const service = createConfigurationService(database, { encryptionKey: testKey });
  try {
    return await work(service);
  } finally {
    await service.close();
    await database.close();
  }
}

beforeAll(async () => {
  directory = mkdtempSync(join(quickPlace(), 'strata-test-transfer-'));
  document = join(directory, 'values.json');
  backup = join(directory, 'store.backup');
  const values = Array.from({ length: keys }, (_, index) => [
    `k${String(index)}`,
    { number: index, text: 'x'.repeat(50) },
  ]);
  writeFileSync(document, JSON.stringify(Object.fromEntries(values)));
  await inStore(join(directory, 'first'), async (service) => {
    await service.importConfig(readFileSync(document, 'utf8'), 'json', 'ann');
    await pipeline(service.backup(), createWriteStream(backup));
  });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the program, and kills it a moment after it has begun. @returns what it had said. */
async function runAndKill(options: TransferOptions, steps: number): Promise<readonly string[]> {
  const program = new URL('transferrer.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', program, JSON.stringify(options)], {
    // A store that is restored needs the key of the first one.
    env: { ...process.env, CONFIG_ENCRYPTION_KEY: testKey },
  });
  const closed = once(child, 'close');
  let said = '';
  let errors = '';
  child.stderr.on('data', (data) => (errors += String(data)));
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (data) => {
      said += String(data);
      if (said.split('\n').length > steps + 1) resolve();
    });
    child.once('close', () => resolve());
  });
  await wait(Math.random() * 60);
  child.kill('SIGKILL');
  await closed;
  expect(errors).toBe('');
  return said.trimEnd().split('\n');
}

describe('a transfer that is killed', () => {
  const whole = async (service: ConfigurationManagementService): Promise<number> => (await service.getAll(global)).size;

  it(
    'leaves all of an atomic import, or nothing',
    async () => {
      for (let round = 0; round < rounds; round += 1) {
        const dataDir = join(directory, `atomic-${String(round)}`);
        await runAndKill({ dataDir, file: document, does: 'import atomically' }, 0);
        expect([0, keys]).toContain(await inStore(dataDir, whole));
        rmSync(dataDir, { recursive: true });
      }
    },
    loopTimeout,
  );

  it(
    'leaves parts of an import, which repeating it completes',
    async () => {
      for (let round = 0; round < rounds; round += 1) {
        const dataDir = join(directory, `import-${String(round)}`);
        const said = await runAndKill({ dataDir, file: document, does: 'import' }, round % 3);
        await inStore(dataDir, async (service) => {
          const before = await whole(service);
          expect(before % 1000).toBe(0);
          expect(before).toBeGreaterThanOrEqual(1000 * said.filter((word) => word === 'step').length);
          const rest = await service.importConfig(readFileSync(document, 'utf8'), 'json', 'ann');
          expect(rest).toMatchObject({ imported: keys - before, skipped: before, failed: 0 });
        });
        rmSync(dataDir, { recursive: true });
      }
    },
    loopTimeout,
  );

  it(
    'leaves all of a restored backup, or an empty store into which it can be restored',
    async () => {
      for (let round = 0; round < rounds; round += 1) {
        const dataDir = join(directory, `restore-${String(round)}`);
        await runAndKill({ dataDir, file: backup, does: 'restore' }, round % 4);
        await inStore(dataDir, async (service) => {
          const there = await whole(service);
          expect([0, keys]).toContain(there);
          if (there === 0) await service.restoreBackup(createReadStream(backup));
          expect(await whole(service)).toBe(keys);
        });
        rmSync(dataDir, { recursive: true });
      }
    },
    loopTimeout,
  );
});

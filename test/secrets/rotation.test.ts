/** Owns the proof that keys are rotated under load: what wraps anew is killed twice, and no read fails or is wrong meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, inject, it } from 'vitest';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import { DataKeys } from '../../packages/service/src/secrets/data-keys.ts';
import { newKey, parseKeyRing } from '../../packages/service/src/secrets/key-ring.ts';
import { chooseKeySource } from '../../packages/service/src/secrets/key-source.ts';
import { countDataKeys } from '../../packages/service/src/store/data-keys.ts';
import { describeDatabases, postgresPool, type TestDatabase } from '../databases.ts';
import { expectRefusal } from '../expectations.ts';
import { nodeEnvironment } from '../node-environment.ts';
import { serviceProcesses } from '../service-processes.ts';
import type { RewrapperOptions } from './rewrapper.ts';
import { oldPlaceOf, placeOf, startLoad, textOf, type Counted } from './rotation-load.ts';

const workers = 20;
/** Secrets that are there before, each under a data key of its own, and data keys that nothing uses any more. */
const old = 150;
const unused = 500;
const haltsAfter = 300;

const idOf = (key: string): string => parseKeyRing(key, 'a key').keyIds[0];

/** Starts the program that wraps anew. `wrapped` waits until it is at so many data keys. */
function startRewrapper(options: RewrapperOptions) {
  const program = new URL('rewrapper.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', program, JSON.stringify(options)], {
    env: nodeEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async wrapped(count: number): Promise<void> {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error('the program that wraps anew has ended');
        if (Number(value) >= count) return;
      }
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      expect(await exited).toEqual([null, 'SIGKILL']);
    },
    async end(): Promise<string> {
      let last = '';
      for await (const line of { [Symbol.asyncIterator]: () => lines }) last = line;
      expect(await exited).toEqual([0, null]);
      return last;
    },
  };
}

/** How many data keys each key wraps. */
async function wrappedBy({ database }: TestDatabase): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { kekId, count } of await countDataKeys(database)) counts[kekId] = (counts[kekId] ?? 0) + count;
  return counts;
}

describeDatabases(
  'the rotation of keys',
  (engine) => {
    const processes = serviceProcesses(engine);

    it(
      'under load, killed twice, fails no read and leaves every data key on the new key',
      { timeout: 180_000 },
      async () => {
        const store = await processes.open();
        const [before, after] = [newKey(), newKey()];
        const [oldId, newId] = [idOf(before), idOf(after)];
        const first = processes.start(store, { encryptionKey: before });
        for (let index = 0; index < old; index += 1) {
          await first.set('secrets', textOf(-1, index), oldPlaceOf(index), 'ann');
          await first.rotateKeys('ann');
        }
        const source = chooseKeySource({ encryptionKey: before, environment: {}, database: store.database, report: () => undefined }); // prettier-ignore
        const spent = new DataKeys(store.database, source, { maxUses: 1, reserved: 1 });
        for (let index = 0; index < unused; index += 1) await spent.current('values');
        const { [oldId]: total = 0, ...others } = await wrappedBy(store);
        expect([total >= old + unused, others]).toEqual([true, {}]);

        // The processes have the new key behind the old one first, and are restarted with it in front, one after the other.
        let encryptionKey = `${before},${after}`;
        const pool = postgresPool(store.schema, { max: 2 * workers });
        const load = startLoad({
          workers,
          old,
          start: () => createConfigurationService(pool, { encryptionKey, pollInterval: 100, listen: false }),
        });
        await load.more(8);
        encryptionKey = `${after},${before}`;
        await load.more(8 * 4);

        const postgres = { ...inject('postgres'), options: `-c search_path=${store.schema}`, max: 2 };
        for (let killed = 0; killed < 2; killed += 1) {
          const { [newId]: wrapped = 0 } = await wrappedBy(store);
          const rewrapper = startRewrapper({ postgres, encryptionKey, haltsAfter: haltsAfter - 50 * killed });
          await rewrapper.wrapped(150);
          // Once wherever it happens to be, once where it waits for its provider while everybody has read and written.
          await (killed === 0 ? wait(Math.random() * 100) : load.more(4));
          await rewrapper.kill();
          const counts = await wrappedBy(store);
          expect(counts[oldId]).toBeGreaterThan(0);
          expect(counts[newId]).toBeGreaterThan(wrapped);
          await load.more(8);
        }
        const both = processes.start(store, { encryptionKey });
        await both.rotateKeys('ann');
        expect(await startRewrapper({ postgres, encryptionKey }).end()).toBe('left 0');
        await load.more(8);
        const written = await load.stop();
        expect(load.failures).toEqual([]);

        await pool.end();
        expect((await both.retireKey(oldId, 'ann')).keyId).toBe(oldId);
        const alone = processes.start(store, { encryptionKey: after });
        const { currentKeyId, keys, dataKeys } = await alone.getKeyStatus();
        expect(currentKeyId).toBe(newId);
        expect(keys).toEqual([{ keyId: newId, held: true, current: true, dataKeys: expect.any(Number) as number }]);
        expect(keys[0]?.dataKeys).toBeGreaterThanOrEqual(total);
        expect(new Set(dataKeys.map(({ kekId }) => kekId))).toEqual(new Set([newId]));
        for (let index = 0; index < old; index += 1)
          expect(await alone.get('secrets', oldPlaceOf(index))).toBe(textOf(-1, index));
        for (const [worker, count] of written.entries()) {
          expect(await alone.get<Counted>('tokens', placeOf(worker))).toEqual({
            worker,
            count,
            text: textOf(worker, count),
          });
        }
        await expectRefusal(processes.start(store, { encryptionKey: before }).get('tokens'), 'encryption_key_missing');
      },
    );
  },
  'postgres',
);

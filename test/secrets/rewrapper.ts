/** Owns the program that wraps the data keys of a store anew, slowly, until it is killed or done. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import { parseKeyRing, type KeyProvider } from '../../packages/service/src/secrets/key-ring.ts';

/** Where it works, and how far. */
export interface RewrapperOptions {
  readonly postgres: pg.PoolConfig;
  readonly encryptionKey: string;
  /** After so many data keys its provider answers nothing any more, so that it never gets to the end. Absent: it does. */
  readonly haltsAfter?: number;
}

const {
  postgres,
  encryptionKey,
  haltsAfter = Number.POSITIVE_INFINITY,
} = JSON.parse(process.argv[2] ?? '') as RewrapperOptions;
const ring = parseKeyRing(encryptionKey, 'the ring');
let wrapped = 0;
const slow: KeyProvider = {
  async wrap(dataKey, context) {
    wrapped += 1;
    if (wrapped > haltsAfter) await new Promise(() => undefined);
    if (wrapped % 10 === 0) process.stdout.write(`${String(wrapped)}\n`);
    await wait(Math.random() * 20);
    return ring.wrap(dataKey, context);
  },
  unwrap: (key, context) => ring.unwrap(key, context),
};
const pool = new pg.Pool(postgres);
const service = createConfigurationService(pool, { keyProvider: slow, listen: false });
const { left } = await service.rewrapKeys('rewrapper');
process.stdout.write(`left ${String(left)}\n`);
await service.close();
await pool.end();

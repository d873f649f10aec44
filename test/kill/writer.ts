/** Owns the program that writes to a store until it is killed, and tells of every acknowledgement on its standard output. */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { isConfigurationError } from '../../packages/core/src/errors.ts';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { openEmbeddedDatabase, type EmbeddedOptions } from '../../packages/service/src/db/embedded.ts';
import { postgresDatabase } from '../../packages/service/src/db/postgres.ts';
import { say } from './acknowledgement.ts';
import { startWriters } from './workload.ts';

/** Where and how a writer writes. */
export interface WriterOptions {
  readonly store: { readonly embedded: EmbeddedOptions } | { readonly postgres: pg.PoolConfig };
  /** Tells the values and tags of one writer from those of all others. */
  readonly run: number;
  /** Writes checkpoints too, as the database itself does when much was written. */
  readonly checkpoints?: boolean;
  /**
   * What it does after a refusal. `fail` (default): it says so and ends. `repeat`: it repeats the call until it is answered, as
   * while the server is away. `close`: it tries once more, closes the store and ends.
   */
  readonly onRefusal?: 'fail' | 'repeat' | 'close';
  /** Writes values of this many bytes one by one until one is refused, then waits for a line of input and goes on for a while. */
  readonly fillWith?: number;
}

const options = JSON.parse(process.argv[2] ?? '') as WriterOptions;
const stores: Database[] = [];

async function open(): Promise<ConfigurationManagementService> {
  const database =
    'embedded' in options.store
      ? await openEmbeddedDatabase(options.store.embedded)
      : postgresDatabase(new pg.Pool(options.store.postgres));
  stores.push(database);
  const service = createConfigurationService(database);
  await service.listLocks();
  say({ is: 'open' });
  return service;
}

async function close(service: ConfigurationManagementService): Promise<void> {
  await service.close();
  for (const store of stores.splice(0)) await store.close();
}

function refused(error: unknown): void {
  const code = isConfigurationError(error) ? error.code : 'internal';
  say({ is: 'refused', code, message: error instanceof Error ? error.message : String(error) });
}

async function checkpoint(service: ConfigurationManagementService): Promise<never> {
  for (let n = 0; ; n += 1) {
    await wait(20);
    await stores[0]?.script('CHECKPOINT');
    // What was written between two checkpoints is different each time.
    await service.set('checkpoints', { run: options.run, n }, { scope: 'global' }, 'checkpointer');
  }
}

async function write(service: ConfigurationManagementService): Promise<void> {
  const writers = startWriters(service, options.run, options.onRefusal === 'repeat');
  if (options.checkpoints === true) writers.push(checkpoint(service));
  const results = await Promise.allSettled(
    writers.map((writer) =>
      writer.catch((error: unknown) => {
        refused(error);
        if (options.onRefusal !== 'close') process.exit(1);
      }),
    ),
  );
  if (results.length !== writers.length) throw new Error('a writer is missing');
  for (const writer of startWriters(service, options.run + 0.5, false)) await writer.catch(refused);
}

async function fill(service: ConfigurationManagementService, size: number): Promise<void> {
  for (let n = 0; ; n += 1) {
    const value = { run: options.run, n, text: randomBytes((size * 3) / 4).toString('base64') };
    const answer = await service.set(`fill/${String(n % 20)}`, value, { scope: 'global' }, 'filler').catch(refused);
    if (answer === undefined) return;
    say({ is: 'versions', versions: [{ ...answer, value: undefined }] });
  }
}

async function fillAndResume(first: ConfigurationManagementService, size: number): Promise<void> {
  await fill(first, size);
  await first.get('fill/0').catch(refused);
  await createInterface(process.stdin)[Symbol.asyncIterator]().next();
  let service = first;
  try {
    await service.set('resumed', { run: options.run }, { scope: 'global' }, 'filler');
  } catch (error) {
    refused(error);
    await close(service);
    service = await open();
  }
  const answer = await service.set('resumed', { run: options.run, again: true }, { scope: 'global' }, 'filler');
  say({ is: 'versions', versions: [answer] });
  await close(service);
}

const service = await open();
if (options.fillWith !== undefined) {
  await fillAndResume(service, options.fillWith);
} else {
  await write(service);
  await close(service);
}
say({ is: 'closed' });
// An instance that was abandoned holds a timer of PostgreSQL for up to ten seconds.
process.exit(0);

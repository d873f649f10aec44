/** Owns the benchmark of what the audit log costs writers: a sealer beside them, and the code of each row. */
import { createConfigurationService, type ConfigurationManagementService } from '@strata/service';
import pg from 'pg';
import { compare, inParallel, type Contender } from '../harness.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';
import { encryptionKey, withoutKeyFile } from './store.ts';

const writers = 20;
let written = 0;

const setter = (service: ConfigurationManagementService) => (): Promise<unknown> => {
  written += 1;
  const scope = { scope: 'org', scopeId: `org-${String(written % 50)}` } as const;
  return service.set(`bench/setting-${String(written % 20)}`, { written, enabled: true }, scope, 'bench');
};

const leave = withoutKeyFile();
const cluster = await startPostgres();
const pools: pg.Pool[] = [];
const open = async (name: string, key: string | undefined): Promise<[pg.Pool, ConfigurationManagementService]> => {
  const pool = new pg.Pool({ connectionString: await cluster.createDatabase(name), max: 8 });
  pools.push(pool);
  const service = createConfigurationService(pool, {
    listen: false,
    ...(key === undefined ? {} : { encryptionKey: key }),
  });
  await service.migrate();
  return [pool, service];
};

try {
  const [pool, service] = await open('keyed', encryptionKey);
  const [bare, unkeyed] = await open('unkeyed', undefined);
  let sealer: ConfigurationManagementService | undefined;
  /** What the rounds before have left is sealed first, and charged to none. */
  const stop = async (): Promise<void> => {
    await sealer?.close();
    sealer = undefined;
    await service.createAuditCheckpoint();
  };
  const start = async (): Promise<void> => {
    await stop();
    sealer = createConfigurationService(pool, { encryptionKey, listen: false, audit: { seal: true } });
    await sealer.get('bench/setting-0', { scope: 'global' }).catch(() => undefined);
  };
  const write = (
    name: string,
    count: number,
    to: ConfigurationManagementService,
    prepare?: () => Promise<void>,
  ): Contender => ({
    name,
    run: (operations) => inParallel(operations, count, setter(to)),
    ...(prepare === undefined ? {} : { prepare }),
  });
  const beside = (count: number) =>
    [
      write('`set` with the sealer running', count, service, start),
      write('`set` with the sealer stopped', count, service, stop),
    ] as const;
  const versus = async (title: string, [subject, peer]: readonly [Contender, Contender], must?: number) =>
    compare(
      title,
      [subject, peer],
      [{ subject: subject.name, peer: peer.name, measure: 'rate', ...(must === undefined ? {} : { must }) }],
      {
        // Several ticks of the sealer, which comes every second.
        roundMs: 5000,
        rounds: 9,
      },
    );
  const comparisons = [
    await versus('Twenty writers beside a sealer', beside(writers), 0.95),
    await versus('One writer beside a sealer', beside(1), 0.95),
  ];
  await stop();
  comparisons.push(
    await compare(
      'The code of a row',
      [write('`set`, its row with a code', 1, service), write('`set`, its row without', 1, unkeyed)],
      [{ subject: '`set`, its row with a code', peer: '`set`, its row without', measure: 'time' }],
      { roundMs: 1000, rounds: 21 },
    ),
  );
  const codes = await Promise.all(
    [pool, bare].map(async (one) => {
      const { rows } = await one.query<{ codes: string; rows: string }>(
        'SELECT count(mac) AS codes, count(*) AS rows FROM configuration_audit_log',
      );
      return rows[0];
    }),
  );
  if (codes[0]?.codes !== codes[0]?.rows || codes[1]?.codes !== '0') {
    throw new Error(`rows carry other codes than they should: ${JSON.stringify(codes)}`);
  }
  publish({
    name: 'audit/writes',
    about:
      'Small values at 1,000 addresses, each write on disk before it counts. The sealer is a service of the same process on the same PostgreSQL, which seals about every second what the ' +
      'writers have left; what is waiting when a round ends is sealed before the next one. A row gets its code in the database, by a trigger, with a key that is handed over with the statement.',
    comparisons,
    versions: { PostgreSQL: cluster.version, pg: packageVersion('pg') },
  });
  await sealer?.close();
  await service.close();
  await unkeyed.close();
} finally {
  for (const pool of pools) await pool.end();
  await cluster.stop();
  leave();
}

/** Owns the benchmark of proving the audit log: a million rows, sealed by the sealer, verified whole. */
import { createConfigurationService } from '@strata/service';
import { compare, type Contender } from '../harness.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';
import { encryptionKey, noteStamps, withoutKeyFile } from './store.ts';

const total = 1_000_000;
const perCommit = 1000;
const commits = 20;
const written = perCommit * commits;
const perStatement = 49_000;

/** Rows as those of reads are, through the trigger that gives every row its code. */
const fill = `
  INSERT INTO configuration_audit_log (environment, operation, config_key, scope, scope_id, user_id, success, metadata, request_id, created_at)
  SELECT t.environment, 'read', 'bench/setting-' || n % 1000, 'org', 'org-' || n % 100, 'user-' || n % 5000, true,
    jsonb_build_object('times', 1 + n % 7), 'request-' || n, clock_timestamp()
  FROM (SELECT configuration_audit_with('default', $1) AS environment OFFSET 0) AS t, generate_series($2::int, $3::int) AS n`;

const leave = withoutKeyFile();
const cluster = await startPostgres();
try {
  const pool = cluster.pool(2);
  const lastStamp = noteStamps(pool);
  const service = createConfigurationService(pool, { encryptionKey, cacheEnabled: false, listen: false });
  await service.migrate();
  for (let commit = 0; commit < commits; commit += 1) {
    const changes = Array.from({ length: perCommit }, (_, n) => ({
      ...({ key: `bench/setting-${String(n)}`, scope: 'org', scopeId: `org-${String(n % 100)}` } as const),
      value: { commit, n },
    }));
    await service.commit(changes, 'bench');
  }
  for (let from = written; from < total; from += perStatement) {
    await pool.query(fill, [lastStamp(), from, Math.min(total, from + perStatement) - 1]);
  }
  await pool.query('VACUUM (ANALYZE, FREEZE)');
  const begun = performance.now();
  const checkpoint = await service.createAuditCheckpoint();
  const sealing = performance.now() - begun;
  await pool.query('VACUUM (ANALYZE, FREEZE)');
  if (checkpoint.number !== total) throw new Error(`${String(checkpoint.number)} rows were sealed`);

  const verify: Contender = {
    name: '`verifyAudit`',
    run: async () => {
      const { ok, rows, sealed, withoutMac, versions } = await service.verifyAudit({ checkpoints: [checkpoint] });
      if (!ok || rows !== total || sealed !== total || withoutMac !== 0 || versions !== written) {
        throw new Error(`it does not hold: ${JSON.stringify({ ok, rows, sealed, withoutMac, versions })}`);
      }
    },
  };
  const read: Contender = {
    name: 'a bare read of all rows with their seals, in pages of 10,000',
    run: async () => {
      for (let number = 0; number < total; number += 10_000) {
        await pool.query(
          `SELECT l.*, s.number, s.chain, s.mac AS seal_mac FROM configuration_audit_seals AS s JOIN configuration_audit_log AS l ON l.id = s.audit_id
          WHERE s.environment = 'default' AND s.number > $1 AND s.number <= $2 ORDER BY s.number`,
          [number, number + 10_000],
        );
      }
    },
  };
  publish({
    name: 'audit/verification',
    about:
      `${total.toLocaleString('en')} rows of the audit log, ${written.toLocaleString('en')} of them of writes whose versions are verified as well, the others as those of reads. ` +
      `The sealer took ${(sealing / 1000).toFixed(0)} s for them, ${Math.round(total / (sealing / 1000)).toLocaleString('en')} rows per second. ` +
      'A verification reads and proves every row, link, version and value, and a checkpoint that was kept. The bar is a minute.',
    comparisons: [
      await compare('A whole log', [verify, read], [{ subject: verify.name, peer: read.name, measure: 'time' }], {
        operations: 1,
        rounds: 1,
      }),
    ],
    versions: { PostgreSQL: cluster.version, pg: packageVersion('pg') },
  });
  await service.close();
  await pool.end();
} finally {
  await cluster.stop();
  leave();
}

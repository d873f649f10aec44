/** Owns the benchmark of writes (P10, P11): the service beside the barest versioned and audited write, and beside etcd. */
import { randomUUID } from 'node:crypto';
import { createConfigurationService } from '@strata/service';
import { startEtcd } from '../etcd.ts';
import { compare, inParallel, type Contender } from '../harness.ts';
import { installPeers } from '../peers.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const writers = 20;
const addresses = 1000;
let written = 0;
/** A new value, about 120 bytes as JSON. */
const newValue = (): Record<string, unknown> => ({
  limits: { perMinute: (written += 1), burst: 20 },
  label: 'written by the benchmark of writes, every time another one',
  enabled: true,
});
const random = (below: number): number => Math.floor(Math.random() * below);
const keyOf = (address: number): string => `bench/setting-${String(address % 20)}`;
const orgOf = (address: number): string => `org-${String(Math.trunc(address / 20))}`;

const referenceTables = `
  CREATE TABLE bench_versions (hash text PRIMARY KEY, key text NOT NULL, scope text NOT NULL, scope_id text NOT NULL, value json NOT NULL,
    parent text, actor text NOT NULL, comment text, created_at timestamptz NOT NULL DEFAULT now());
  CREATE INDEX ON bench_versions (key, scope, scope_id, created_at);
  CREATE TABLE bench_settings (key text, scope text, scope_id text, version text NOT NULL, value json NOT NULL,
    PRIMARY KEY (key, scope, scope_id));
  CREATE TABLE bench_audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, operation text NOT NULL, key text NOT NULL,
    user_id text NOT NULL, metadata jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE INDEX ON bench_audit (key, created_at)`;
const referenceWrite = `
  WITH version AS (
    INSERT INTO bench_versions (hash, key, scope, scope_id, value, parent, actor, comment)
    SELECT $1, $2, 'org', $3, $4::json, (SELECT s.version FROM bench_settings AS s WHERE s.key = $2 AND s.scope = 'org' AND s.scope_id = $3), $5, $6
    RETURNING hash, parent
  ), audit AS (
    INSERT INTO bench_audit (operation, key, user_id, metadata)
    SELECT 'set', $2, $5, jsonb_build_object('version', v.hash, 'parent', v.parent, 'comment', $6::text) FROM version AS v
  )
  INSERT INTO bench_settings (key, scope, scope_id, version, value) SELECT $2, 'org', $3, v.hash, $4::json FROM version AS v
  ON CONFLICT (key, scope, scope_id) DO UPDATE SET version = excluded.version, value = excluded.value`;

// The rows, constraints and indexes that Strata keeps, written by one statement that orders and checks nothing.
const sameTables = `
  CREATE SEQUENCE bench_revision;
  ${['commits', 'versions', 'settings', 'audit_log']
    .map((name) => `CREATE TABLE bench_same_${name} (LIKE configuration_${name} INCLUDING ALL);`)
    .join('\n  ')}`;
const sameWrite = `
  WITH at AS (
    SELECT nextval('bench_revision') AS revision, date_trunc('milliseconds', clock_timestamp()) AS now
  ), inserted_commit AS (
    INSERT INTO bench_same_commits (id, revision, environment, operation, actor, comment, idempotency_key, request_digest, committed_at)
    SELECT $7::uuid, at.revision, 'default', 'change', $5, $6, $7::text, $1, at.now FROM at
  ), inserted_version AS (
    INSERT INTO bench_same_versions (hash, commit_id, revision, environment, key, scope, scope_id, parent, operation, value, impact_level)
    SELECT $1, $7::uuid, at.revision, 'default', $2, 'org', $3,
      (SELECT s.version FROM bench_same_settings AS s WHERE s.environment = 'default' AND s.key = $2 AND s.scope = 'org' AND s.scope_id = $3),
      'set', $4::json, 'low' FROM at
    RETURNING hash, parent
  ), inserted_audit AS (
    INSERT INTO bench_same_audit_log (environment, revision, operation, config_key, scope, scope_id, user_id, success, metadata, created_at)
    SELECT 'default', at.revision, 'set', $2, 'org', $3, $5, true,
      jsonb_build_object('version', v.hash, 'parent', v.parent, 'commit', $7::text, 'comment', $6::text), at.now
    FROM at, inserted_version AS v
  )
  INSERT INTO bench_same_settings (environment, key, scope, scope_id, version, revision, value)
  SELECT 'default', $2, 'org', $3, $1, at.revision, $4::json FROM at
  ON CONFLICT (environment, key, scope, scope_id) DO UPDATE
    SET version = excluded.version, revision = excluded.revision, value = excluded.value`;

installPeers();
const { Etcd3 } = await import('etcd3');
const cluster = await startPostgres();
const etcd = await startEtcd();
try {
  const pool = cluster.pool(writers);
  const service = createConfigurationService(pool);
  await service.migrate();
  await pool.query(`${referenceTables}; ${sameTables}`);
  const client = new Etcd3({ hosts: etcd.address });

  const set = async (address: number): Promise<void> => {
    await service.set(keyOf(address), newValue(), { scope: 'org', scopeId: orgOf(address) }, 'bench', 'a comment');
  };
  const reference = async (): Promise<void> => {
    const address = random(addresses);
    const values = [randomUUID(), keyOf(address), orgOf(address), JSON.stringify(newValue()), 'bench', 'a comment'];
    await pool.query({ name: 'reference_write', text: referenceWrite, values });
  };
  const sameRows = async (): Promise<void> => {
    const address = random(addresses);
    const hash = `${randomUUID()}${randomUUID()}`.replaceAll('-', '');
    const values = [
      hash,
      keyOf(address),
      orgOf(address),
      JSON.stringify(newValue()),
      'bench',
      'a comment',
      randomUUID(),
    ];
    await pool.query({ name: 'same_rows', text: sameWrite, values });
  };
  const put = async (): Promise<void> => {
    const address = random(addresses);
    await client.put(`/${orgOf(address)}/${keyOf(address)}`).value(JSON.stringify(newValue()));
  };
  const contender = (name: string, count: number, write: () => Promise<void>): Contender => ({
    name,
    run: (operations) => inParallel(operations, count, write),
  });
  const anywhere = (): Promise<void> => set(random(addresses));
  let fresh = addresses;
  const first = (): Promise<void> => set((fresh += 1));

  // All sides begin with every address written once.
  for (let address = 0; address < addresses; address += writers) {
    await Promise.all(Array.from({ length: writers }, (_, writer) => set(address + writer)));
  }
  await inParallel(addresses * 3, writers, reference);
  await inParallel(addresses * 3, writers, sameRows);

  const alone = [
    contender('`set`, 1 writer', 1, anywhere),
    contender('`set`, 1 writer, first of its address', 1, first),
    contender('one-statement CTE, 1 writer', 1, reference),
    contender('one-statement CTE of the same rows, 1 writer', 1, sameRows),
  ] as const;
  const together = [
    contender('`set`, 20 writers', writers, anywhere),
    contender('`set`, 20 writers, first of its address', writers, first),
    contender('one-statement CTE, 20 writers', writers, reference),
    contender('etcd put, 20 writers', writers, put),
    contender('one-statement CTE of the same rows, 20 writers', writers, sameRows),
  ] as const;
  const effort = { rounds: 21, roundMs: 250 };
  const comparisons = [
    await compare(
      'One writer',
      alone,
      [
        { id: 'P10', subject: alone[0].name, peer: alone[2].name, measure: 'rate', must: 0.6, stretch: 0.8 },
        { id: 'P10', subject: alone[1].name, peer: alone[2].name, measure: 'rate', must: 0.6, stretch: 0.8 },
      ],
      effort,
    ),
    await compare(
      'Twenty writers of one process',
      together,
      [
        { id: 'P10', subject: together[0].name, peer: together[2].name, measure: 'rate', must: 1.2, stretch: 2 },
        { id: 'P10', subject: together[1].name, peer: together[2].name, measure: 'rate', must: 1.2, stretch: 2 },
        { id: 'P11', subject: together[0].name, peer: together[3].name, measure: 'rate', must: 1, stretch: 2 },
      ],
      effort,
    ),
  ];
  client.close();
  await service.close();
  await pool.end();
  publish({
    name: 'storage/writes',
    about:
      'Each write stores a new value of about 120 bytes at one of 1,000 addresses, versioned and audited, on disk before it counts (`fsync` on ' +
      'everywhere). The reference is one prepared statement on bare `pg` that inserts a version and an audit row and upserts the setting, without a ' +
      'total order and without any check: three rows and seven index entries, where a `set` stores four rows and fifteen index entries under 26 ' +
      'constraints. The other reference, which no goal asks for, writes those same rows, to tell what of the distance is their price. etcd is asked ' +
      'over gRPC with `etcd3`; its put keeps no author, no comment and no parent.',
    comparisons,
    versions: {
      PostgreSQL: cluster.version,
      etcd: etcd.version,
      etcd3: packageVersion('etcd3'),
      pg: packageVersion('pg'),
    },
  });
} finally {
  await etcd.stop();
  await cluster.stop();
}

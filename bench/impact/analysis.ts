/** Owns the benchmark of an analysis of impact: a global change, with a million registered users and a hundred thousand overrides. */
import { createConfigurationService, type ImpactReport } from '@strata/service';
import type pg from 'pg';
import { compare, type Contender } from '../harness.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const shape = { orgs: 1000, teamsPerOrg: 10, usersPerTeam: 100 } as const;
const teams = shape.orgs * shape.teamsPerOrg;
const users = teams * shape.usersPerTeam;
/** User `n` is in team `n mod 10,000`, team `n` in org `n mod 1,000`. Each tenth user, each fiftieth team, each hundredth org has a layer. */
const every = { users: 10, teams: 50, orgs: 100 } as const;
const overrides = users / every.users + teams / every.teams + shape.orgs / every.orgs;

const scopeRows = `
  SELECT 'org' AS scope, 'org-' || n AS scope_id, NULL AS parent_scope, NULL AS parent_id, n % ${String(every.orgs)} = 0 AS has_layer, n
    FROM generate_series(0, ${String(shape.orgs - 1)}) AS n
  UNION ALL SELECT 'team', 'team-' || n, 'org', 'org-' || (n % ${String(shape.orgs)}), n % ${String(every.teams)} = 7, n
    FROM generate_series(0, ${String(teams - 1)}) AS n
  UNION ALL SELECT 'user', 'user-' || n, 'team', 'team-' || (n % ${String(teams)}), n % ${String(every.users)} = 3, n
    FROM generate_series(0, ${String(users - 1)}) AS n`;

// Half of the layers say something about what changes, and so shield; a thousand different values.
const layer = `CASE WHEN n % 20 < 10 THEN json_build_object('lightDuty', 1000 + n / 20 % 1000) ELSE json_build_object('heavyDuty', 1000 + n / 20 % 1000) END`;

const fill: readonly string[] = [
  `CREATE TEMPORARY TABLE bench_scopes ON COMMIT DROP AS ${scopeRows}`,
  `CREATE TEMPORARY TABLE bench_layers ON COMMIT DROP AS
    SELECT row_number() OVER () + 1 AS revision, scope, scope_id, ${layer} AS value FROM bench_scopes WHERE has_layer`,
  `INSERT INTO configuration_scopes (environment, scope, scope_id, revision) SELECT 'default', scope, scope_id, 1 FROM bench_scopes`,
  `INSERT INTO configuration_scope_parents (environment, scope, scope_id, parent_scope, parent_id, is_primary, position, valid_from)
    SELECT 'default', scope, scope_id, parent_scope, parent_id, true, 1, 1 FROM bench_scopes WHERE parent_scope IS NOT NULL`,
  `INSERT INTO configuration_commits (id, revision, environment, operation, actor, idempotency_key, request_digest, committed_at)
    SELECT md5(revision::text)::uuid, revision, 'default', 'change', 'bench', md5(revision::text), '', timestamptz '2026-01-01' FROM bench_layers`,
  `INSERT INTO configuration_versions (hash, commit_id, revision, environment, key, scope, scope_id, operation, value, impact_level)
    SELECT encode(sha256(revision::text::bytea), 'hex'), md5(revision::text)::uuid, revision, 'default', 'pm_intervals', scope, scope_id, 'set',
      value, 'high' FROM bench_layers`,
  `INSERT INTO configuration_settings (environment, key, scope, scope_id, version, revision, value)
    SELECT 'default', 'pm_intervals', scope, scope_id, encode(sha256(revision::text::bytea), 'hex'), revision, value FROM bench_layers`,
  `UPDATE configuration_counter SET revision = (SELECT max(revision) FROM bench_layers), decision_revision = 1`,
];

/** The parts of an analysis by the statements that it waits for. */
const parts = {
  counting: 'of that: registered users, counted by team and org',
  layers: 'of that: the layers of 100,000 users, with what they inherit from',
  other: 'of that: all other statements',
} as const;
const waited = new Map<string, number>();

const partOf = (text: string): string =>
  text.includes('WITH grouped') || text.includes('SELECT count(*) AS users')
    ? parts.counting
    : text.includes("s.scope = 'user' AND s.value IS NOT NULL")
      ? parts.layers
      : parts.other;

/** Makes the clients of a pool tell how long each statement took. */
function timed(pool: pg.Pool): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    client.query = (async (...args: unknown[]) => {
      const [config] = args;
      const text = typeof config === 'string' ? config : (config as { readonly text: string }).text;
      const begun = performance.now();
      try {
        return await query(...args);
      } finally {
        const part = partOf(text);
        waited.set(part, (waited.get(part) ?? 0) + performance.now() - begun);
      }
    }) as typeof client.query;
  });
}

const cluster = await startPostgres();
try {
  const pool = cluster.pool(2);
  timed(pool);
  const service = createConfigurationService(pool, { cacheEnabled: false, listen: false });
  await service.migrate();
  await service.set('pm_intervals', { lightDuty: 5000, heavyDuty: 20_000 }, { scope: 'global' }, 'bench');
  const client = await pool.connect();
  await client.query('BEGIN');
  for (const statement of fill) await client.query(statement);
  await client.query('COMMIT');
  await client.query('VACUUM (ANALYZE, FREEZE)');
  client.release();

  let value = 6000;
  const analyze = (): Promise<ImpactReport> =>
    service.analyzeImpact('pm_intervals', { lightDuty: (value += 1), heavyDuty: 20_000 });
  const check = await analyze();
  if (
    check.affectedUsers + check.shieldedUsers !== users ||
    check.affectedUsers === users ||
    check.affectedUsers === 0
  ) {
    throw new Error(`the counts do not add up: ${JSON.stringify(check)}`);
  }
  const times = async (operations: number, work: () => Promise<unknown>): Promise<void> => {
    for (let n = 0; n < operations; n += 1) await work();
  };
  const whole: Contender = { name: '`analyzeImpact`', run: (operations) => times(operations, analyze) };
  const partial = (name: string): Contender => ({
    name,
    run: async (operations) => {
      waited.clear();
      await times(operations, analyze);
      return ((waited.get(name) ?? 0) * 1e6) / operations;
    },
  });
  const inProcess: Contender = {
    name: 'of that: comparing and telling, in this process',
    run: async (operations) => {
      waited.clear();
      const begun = performance.now();
      await times(operations, analyze);
      const total = performance.now() - begun;
      return ((total - [...waited.values()].reduce((sum, one) => sum + one, 0)) * 1e6) / operations;
    },
  };
  const scan: Contender = {
    name: 'a bare count of users by parent, and a bare read of the layers',
    run: (operations) =>
      times(operations, async () => {
        await pool.query(
          `SELECT parent_id, count(*) FROM configuration_scope_parents WHERE environment = 'default' AND scope = 'user' AND valid_to IS NULL GROUP BY 1`,
        );
        await pool.query(
          `SELECT scope_id, value FROM configuration_settings WHERE environment = 'default' AND key = 'pm_intervals' AND value IS NOT NULL`,
        );
      }),
  };
  publish({
    name: 'impact/analysis',
    about:
      `A change of one value at global, with ${users.toLocaleString('en')} registered users in ${teams.toLocaleString('en')} teams of ${shape.orgs.toLocaleString('en')} orgs, ` +
      `and ${overrides.toLocaleString('en')} layers below it, of which half say something about what changes. It reaches ${check.affectedUsers.toLocaleString('en')} users; ` +
      `${check.shieldedUsers.toLocaleString('en')} keep their value. The bar is two seconds.`,
    comparisons: [
      await compare(
        'An analysis with its parts',
        [whole, partial(parts.counting), partial(parts.layers), partial(parts.other), inProcess, scan],
        [{ subject: whole.name, peer: scan.name, measure: 'time' }],
        { operations: 1, rounds: 7 },
      ),
    ],
    versions: { PostgreSQL: cluster.version, pg: packageVersion('pg') },
  });
  await service.close();
  await pool.end();
} finally {
  await cluster.stop();
}

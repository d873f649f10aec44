/** Owns the benchmark of reads that go to the database (P8, P9), and of histories, on a store of a million overrides. */
import { createConfigurationService, type ScopeContext } from '@strata/service';
import { compare, type Contender } from '../harness.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { checkLargeStore, fillLargeStore, keyName, shape, userId, users } from './large-store.ts';

const cluster = await startPostgres();
try {
  // One client, so that both sides use the same connection.
  const pool = cluster.pool(1);
  const service = createConfigurationService(pool, { cacheEnabled: false });
  await service.migrate();
  await fillLargeStore(pool);
  await checkLargeStore(service);

  const random = (below: number): number => Math.floor(Math.random() * below);
  const allKeys = Array.from({ length: shape.keys }, (_, key) => keyName(key));
  const user = (number: number): ScopeContext => ({ scope: 'user', scopeId: userId(number) });
  /** Users whose chains the service remembers after the first round; the others are taken one after the other, never twice. */
  const known = 1000;
  let unknown = known;
  const nextUnknown = (): ScopeContext => user(unknown < users ? unknown++ : (unknown = known));

  const statement = async (name: string, text: string, operations: number, values: () => unknown[]): Promise<void> => {
    const client = await pool.connect();
    for (let n = 0; n < operations; n += 1) await client.query({ name, text, values: values() });
    client.release();
  };
  const primaryKey: Contender = {
    name: 'primary-key SELECT, prepared',
    run: (operations) =>
      statement(
        'by_primary_key',
        'SELECT version, revision, value FROM configuration_settings WHERE environment = $1 AND key = $2 AND scope = $3 AND scope_id = $4',
        operations,
        () => ['default', keyName(random(shape.keys)), 'user', userId(random(users))],
      ),
  };
  const fourLookUps: Contender = {
    name: 'four such look-ups in one statement',
    run: (operations) =>
      statement(
        'four_look_ups',
        ['$3', '$4', '$5', '$6']
          .map(
            (id, level) => `SELECT value FROM configuration_settings
              WHERE environment = $1 AND key = $2 AND scope = '${['global', 'org', 'team', 'user'][level] ?? ''}' AND scope_id = ${id}`,
          )
          .join(' UNION ALL '),
        operations,
        () => {
          const number = random(users);
          const team = `team-${String(number % 1000).padStart(4, '0')}`;
          const org = `org-${String(number % 100).padStart(3, '0')}`;
          return ['default', keyName(random(shape.keys)), '', org, team, userId(number)];
        },
      ),
  };
  const get: Contender = {
    name: '`get`, cold',
    run: async (operations) => {
      for (let n = 0; n < operations; n += 1) await service.get(keyName(random(shape.keys)), user(random(known)));
    },
  };
  const firstGet: Contender = {
    name: '`get`, cold, first of its user',
    run: async (operations) => {
      for (let n = 0; n < operations; n += 1) await service.get(keyName(random(shape.keys)), nextUnknown());
    },
  };
  const oneByOne: Contender = {
    name: '20 cold `get`s',
    run: async (operations) => {
      for (let n = 0; n < operations; n += 1) {
        const at = user(random(known));
        for (const key of allKeys) await service.get(key, at);
      }
    },
  };
  const batch: Contender = {
    name: '`getBatch` of 20, cold',
    run: async (operations) => {
      for (let n = 0; n < operations; n += 1) await service.getBatch(allKeys, user(random(known)));
    },
  };
  const history: Contender = {
    name: '`getHistory`, 50 versions',
    run: async (operations) => {
      for (let n = 0; n < operations; n += 1) await service.getHistory(keyName(random(shape.keys)));
    },
  };
  const rows: Contender = {
    name: 'SELECT of the last 50 versions of a key, prepared',
    run: (operations) =>
      statement(
        'last_versions',
        `SELECT hash, commit_id, revision, scope, scope_id, parent, operation, value FROM configuration_versions
        WHERE environment = $1 AND key = $2 ORDER BY revision DESC LIMIT 50`,
        operations,
        () => ['default', keyName(random(shape.keys))],
      ),
  };

  // Every known user is read once, so that none of them is a first one later.
  for (let number = 0; number < known; number += 1) await service.get(keyName(0), user(number));
  const effort = { rounds: 41, roundMs: 60 };
  const p8 = { id: 'P8', peer: primaryKey.name, measure: 'rate', must: 0.65, stretch: 0.75 } as const;
  const comparisons = [
    await compare(
      'Cold read through four layers',
      [get, firstGet, primaryKey, fourLookUps],
      [
        { ...p8, subject: get.name },
        { ...p8, subject: firstGet.name },
      ],
      effort,
    ),
    await compare(
      'Twenty keys of one user',
      [batch, oneByOne],
      [{ id: 'P9', subject: batch.name, peer: oneByOne.name, measure: 'rate', must: 4, stretch: 5.5 }],
      effort,
    ),
    await compare('History of a key', [history, rows], [], effort),
  ];
  await service.close();
  await pool.end();
  publish({
    name: 'storage/large-reads',
    about:
      `${String(shape.keys)} keys with a layer each at global, ${String(shape.orgs)} orgs, 1,000 teams and ${users.toLocaleString('en-US')} users: ` +
      '1,022,020 layers, each with its own version and commit. `cacheEnabled: false`, one connection for both sides. Every read merges four ' +
      'layers; the first one of a user also looks up his team and org, in the same query.',
    comparisons,
    versions: { PostgreSQL: cluster.version },
  });
} finally {
  await cluster.stop();
}

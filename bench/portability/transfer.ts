/** Owns the benchmark of exports and imports of 100,000 keys, beside bare COPY, and of the memory that they take. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { compare, type Contender } from '../harness.ts';
import { installPeers } from '../peers.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';
import { exportAll, fill, importAll, keys, serviceOn } from './store.ts';

installPeers();
const { from: copyFrom, to: copyTo } = await import('pg-copy-streams');

const columns = 'environment, key, scope, scope_id, value';

/** Nanoseconds for each key. */
const timed = (work: () => Promise<unknown>) => async (): Promise<number> => {
  const start = performance.now();
  await work();
  return ((performance.now() - start) * 1e6) / keys;
};
const goal = (subject: Contender, peer: Contender) =>
  ({ subject: subject.name, peer: peer.name, measure: 'rate' }) as const;

const directory = mkdtempSync(join(tmpdir(), 'strata-bench-transfer-'));
const cluster = await startPostgres();
const pool = cluster.pool(8);
try {
  const service = serviceOn(pool, 'default');
  await fill(service);
  await pool.query('VACUUM ANALYZE');
  await pool.query(`CREATE TABLE bench_rows (environment text NOT NULL, key text COLLATE "C" NOT NULL, scope text NOT NULL, scope_id text COLLATE "C" NOT NULL,
    value jsonb, PRIMARY KEY (environment, key, scope, scope_id))`); // prettier-ignore
  const document = await service.exportConfig({ scope: 'org', scopeId: 'acme' });
  const file = join(directory, 'export.json');
  writeFileSync(file, document);
  const rows = await copyOut();

  let environments = 0;
  const next = (): string => `run-${String((environments += 1))}`;
  const exporting: Contender = { name: '`exportStream`', run: timed(() => exportAll(service)) };
  const copyingOut: Contender = { name: 'COPY TO of the same values', run: timed(() => copyOut()) };
  const importing: Contender = {
    name: '`importConfig` into an empty environment',
    run: timed(() => importAll(serviceOn(pool, next()), document)),
  };
  const copyingIn: Contender = {
    name: 'COPY FROM of the same values into a table with a primary key',
    prepare: async () => {
      await pool.query('TRUNCATE bench_rows');
    },
    run: timed(() => copyIn(rows)),
  };
  const effort = { operations: 1, rounds: 5 };
  const comparisons = [
    await compare('Export, per key', [exporting, copyingOut], [goal(exporting, copyingOut)], effort),
    await compare('Import, per key', [importing, copyingIn], [goal(importing, copyingIn)], effort),
  ];
  const memory = (what: 'export' | 'import', ...options: string[]): Contender => ({
    name: [`\`${what}\` in a process of its own`, ...options.map((option) => `with \`node ${option}\``)].join(' '),
    run: () =>
      megabytesOf(options, what, what === 'export' ? 'default' : next(), what === 'export' ? '/dev/null' : file),
  });
  const idle: Contender = {
    name: 'a process that has only connected',
    run: () => megabytesOf([], 'nothing', 'default', ''),
  };
  const [out, into, frugal] = [memory('export'), memory('import'), memory('import', '--optimize-for-size')];
  comparisons.push(
    await compare(
      'Most memory taken',
      [idle, out, into, frugal],
      [out, into, frugal].map(({ name }) => ({ id: 'portability', subject: name, measure: 'megabytes', must: 300 })),
      { unit: 'megabytes', operations: 1, rounds: 3 },
    ),
  );
  publish({
    name: 'portability/transfer',
    about: `${keys.toLocaleString('en-US')} keys of one org with values of about 120 bytes, as a JSON document of ${(document.length / 1e6).toFixed(0)} MB with versions, authors, times and checksum. An import validates, versions and audits each key. COPY carries ${columns} and nothing else. The memory is the largest resident set of a process from start to end.`,
    comparisons,
    versions: { PostgreSQL: cluster.version, pg: packageVersion('pg') },
  });
  await service.close();

  async function copyOut(): Promise<Buffer[]> {
    const client = await pool.connect();
    try {
      const parts: Buffer[] = [];
      const sink = new Writable({
        write: (part: Buffer, _encoding, done) => {
          parts.push(part);
          done();
        },
      });
      const query = `COPY (SELECT ${columns} FROM configuration_settings WHERE environment = 'default' AND scope = 'org' ORDER BY key) TO STDOUT`;
      await pipeline(client.query(copyTo(query)), sink);
      return parts;
    } finally {
      client.release();
    }
  }

  async function copyIn(parts: readonly Buffer[]): Promise<void> {
    const client = await pool.connect();
    try {
      await pipeline(Readable.from(parts), client.query(copyFrom(`COPY bench_rows (${columns}) FROM STDIN`)));
    } finally {
      client.release();
    }
  }

  async function megabytesOf(
    options: readonly string[],
    what: string,
    environment: string,
    at: string,
  ): Promise<number> {
    const program = fileURLToPath(new URL('./transfer-process.ts', import.meta.url));
    const output = execFileSync(process.execPath, [
      ...options,
      '--conditions=source',
      program,
      what,
      cluster.url,
      environment,
      at,
    ]);
    return Promise.resolve(Number(output.toString().trim()));
  }
} finally {
  await pool.end();
  await cluster.stop();
  rmSync(directory, { recursive: true });
}

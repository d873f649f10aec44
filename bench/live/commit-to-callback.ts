/** Owns the benchmark of how soon a change is heard of (P13): from the call of `set` to the callback, beside a bare INSERT and NOTIFY. */
import { setTimeout as wait } from 'node:timers/promises';
import { createClient } from '@strata/client';
import { createConfigurationService, type ConfigurationManagementService } from '@strata/service';
import pg from 'pg';
import { compare, judge, spreadOf, type Comparison, type Contender, type Goal } from '../harness.ts';
import { Partner } from '../partner.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const rounds = 15;
const operations = 400;
const warmUp = 400;
/** What one write leaves to be done is over before the next one, in milliseconds. */
const pause = 2;
const names = {
  same: '`set` to `watchConfig` in the same process',
  other: '`set` to `watchConfig` in another process',
  sse: '`set` to an event of a server in another process, heard by `@strata/client`',
  bare: 'bare INSERT with NOTIFY in one statement, to a bare client in another process',
  bareTwo: 'bare INSERT, then NOTIFY, to a bare client in another process',
} as const;
type Kind = keyof typeof names;

/** A write, and when it was heard of by the system's monotonic clock. */
interface Way {
  write(round: number): Promise<unknown>;
  /** Called before the write. */
  heard(): Promise<bigint>;
}

/** A new value, of the size of the one that `live/fan-out` sends. */
const valueOf = (round: number): { readonly colour: string; readonly round: number } => ({ colour: '#336699', round });

/** Takes the time of each call in this process. */
class Ear {
  #hear: (at: bigint) => void = () => undefined;

  readonly call = (): void => this.#hear(process.hrtime.bigint());

  readonly heard = (): Promise<bigint> =>
    new Promise((resolve) => {
      this.#hear = resolve;
    });
}

const endings: (() => Promise<unknown>)[] = [];
const cluster = await startPostgres();
endings.push(() => cluster.stop());
try {
  const bare = await startBare();
  const ways: Record<Kind, Way> = {
    same: await startSame(),
    other: await startOther(),
    sse: await startSse(),
    bare: bare.inOne,
    bareTwo: bare.inTwo,
  };
  publish({
    name: 'live/commit-to-callback',
    about:
      `One small value is written at a time, ${String(operations)} times a round and ${String(pause)} ms apart, and the time from the call until it is heard of is taken by the system's monotonic clock. ` +
      'Each way has a database of its own in one PostgreSQL, so that nobody else is woken by a write. A bare client hears of the notification and reads nothing; a service reads the commit, ' +
      'puts its cache right and calls back with the old and the new value. The goal is held against the faster of the two bare ways: the notification is part of the committed statement, which takes one round trip.',
    comparisons: await measure(ways),
    versions: { PostgreSQL: cluster.version, pg: packageVersion('pg') },
  });
} finally {
  for (const end of endings.reverse()) await end();
}

async function startPartner(
  kind: string,
  url: string,
): Promise<{ readonly partner: Partner; readonly address: string }> {
  const partner = new Partner(new URL('./commit-to-callback-partner.ts', import.meta.url), [kind, url]);
  endings.push(async () => partner.end());
  return { partner, address: String((await partner.next())['url']) };
}

async function heardBy(partner: Partner): Promise<bigint> {
  return BigInt(String((await partner.next())['at']));
}

async function startBare(): Promise<{ readonly inOne: Way; readonly inTwo: Way }> {
  const url = await cluster.createDatabase('bare');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  endings.push(() => client.end());
  await client.query(
    'CREATE TABLE bench (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, value json NOT NULL)',
  );
  const insert = 'INSERT INTO bench (key, value) VALUES ($1, $2)';
  const both = `WITH stored AS (${insert} RETURNING id) SELECT pg_notify('bench', id::text) FROM stored`;
  const run = (name: string, text: string, round: number): Promise<unknown> =>
    client.query({ name, text, values: ['theme', JSON.stringify(valueOf(round))] });
  const { partner } = await startPartner('bare', url);
  const heard = (): Promise<bigint> => heardBy(partner);
  return {
    inOne: { heard, write: (round) => run('both', both, round) },
    inTwo: {
      heard,
      write: async (round) => {
        await run('insert', insert, round);
        await client.query({ name: 'notify', text: `SELECT pg_notify('bench', '')` });
      },
    },
  };
}

/** A service of this process on a database of its own, and the writes of a way that begins there. */
async function startWriter(
  name: string,
): Promise<{ readonly url: string; readonly service: ConfigurationManagementService; readonly write: Way['write'] }> {
  const url = await cluster.createDatabase(name);
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  const service = createConfigurationService(pool);
  await service.migrate();
  endings.push(async () => {
    await service.close();
    await pool.end();
  });
  return { url, service, write: (round) => service.set('theme', valueOf(round), { scope: 'global' }, 'bench') };
}

async function startSame(): Promise<Way> {
  const { service, write } = await startWriter('same');
  const ear = new Ear();
  await service.watchConfig('theme', ear.call);
  return { write, heard: ear.heard };
}

async function startOther(): Promise<Way> {
  const { url, write } = await startWriter('other');
  const { partner } = await startPartner('library', url);
  return { write, heard: () => heardBy(partner) };
}

async function startSse(): Promise<Way> {
  const { url, write } = await startWriter('sse');
  const { address } = await startPartner('server', url);
  const ear = new Ear();
  const ended = new AbortController();
  await new Promise<void>((resolve, reject) => {
    const onState = (): void => resolve();
    createClient({ url: address }).watch({ keys: 'theme', signal: ended.signal, onState }, ear.call).catch(reject);
  });
  endings.push(async () => ended.abort());
  return { write, heard: ear.heard };
}

/** Nanoseconds from each call to when it was heard of, in order of size. */
async function timesOf(way: Way, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < count; round += 1) {
    await wait(pause);
    const heard = way.heard();
    const start = process.hrtime.bigint();
    const [at] = await Promise.all([heard, way.write(round)]);
    times.push(Number(at - start));
  }
  return times.sort((a, b) => a - b);
}

/** The median and the 99th percentile of all ways, which take turns. */
async function measure(ways: Readonly<Record<Kind, Way>>): Promise<Comparison[]> {
  for (const way of Object.values(ways)) await timesOf(way, warmUp);
  const kinds = Object.keys(names) as Kind[];
  const slow: Record<Kind, number[]> = { same: [], other: [], sse: [], bare: [], bareTwo: [] };
  const contenders = kinds.map((kind): Contender => ({
    name: names[kind],
    run: async (count) => {
      const times = await timesOf(ways[kind], count);
      slow[kind].push(times[Math.ceil(count * 0.99) - 1] ?? Number.NaN);
      return times[Math.ceil(count * 0.5) - 1] ?? Number.NaN;
    },
  }));
  const median = await compare('The median of a round', contenders, goals(5, 3), { operations, rounds });
  return [
    median,
    {
      title: 'The 99th percentile of a round',
      unit: 'time',
      rounds,
      measured: kinds.map((kind) => ({ name: names[kind], each: spreadOf(slow[kind]) })),
      verdicts: goals(4, 2).map((goal) => judge(goal, slow[kindOf(goal.subject)], slow[kindOf(goal.peer ?? '')])),
    },
  ];
}

function kindOf(name: string): Kind {
  const kind = (Object.keys(names) as Kind[]).find((one) => names[one] === name);
  if (kind === undefined) throw new Error(`there is no way ${name}`);
  return kind;
}

/** The goal is about another process; the other ratios are told beside it. */
function goals(must: number, stretch: number): Goal[] {
  const against = (subject: Kind, peer: Kind): Goal => ({
    subject: names[subject],
    peer: names[peer],
    measure: 'time',
  });
  return [
    { id: 'P13', ...against('other', 'bare'), must, stretch },
    against('other', 'bareTwo'),
    against('same', 'bare'),
    against('sse', 'bare'),
  ];
}

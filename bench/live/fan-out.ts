/** Owns the benchmark of the feed over Server-Sent Events (P15, P16): one change to many, beside bare `node:http` that sends the same bytes. */
import { Agent, get } from 'node:http';
import type { Pool } from 'pg';
import { compare, judge, spreadOf, type Comparison, type Contender } from '../harness.ts';
import { Partner } from '../partner.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';

const clientProcesses = 2;
const kinds = {
  strata: 'Strata',
  raw: 'bare `node:http`, one framed buffer to each connection',
  write: 'bare `node:http`, `write` on each answer',
} as const;
type Kind = keyof typeof kinds;

/** What a server holds, in megabytes. */
async function megabytesOf(server: Partner): Promise<number> {
  return Number((await server.ask({}))['megabytes']);
}

const cluster = await startPostgres();
const databaseUrl = urlOf(cluster.pool(1));

function urlOf({ options }: Pool): string {
  const { user = '', password = '', host = '', port = 0, database = '' } = options;
  return `postgres://${user}:${String(password)}@${host}:${String(port)}/${database}`;
}

const step = 500;

/**
 * Connects so many clients, in steps after each of which garbage is collected. Answers how many kilobytes each of the second half took: with
 * the first half a server also gets what it needs once.
 */
async function connectAll(server: Partner, clients: readonly Partner[], port: number, count: number): Promise<number> {
  const held: number[] = [];
  for (let connected = 0; connected < count; connected += step) {
    await Promise.all(clients.map((one) => one.ask({ connect: { port, count: step / clientProcesses } })));
    held.push(await megabytesOf(server));
  }
  const half = held[held.length / 2 - 1] ?? Number.NaN;
  return (((held.at(-1) ?? Number.NaN) - half) * 1024) / (count / 2);
}

/** What was measured of one number of clients. */
async function measure(count: number, rounds: number): Promise<Comparison[]> {
  const servers = new Map<Kind, { readonly server: Partner; readonly port: number; readonly kilobytes: number }>();
  const clients = Array.from(
    { length: clientProcesses },
    () => new Partner(new URL('./fan-out-clients.ts', import.meta.url)),
  );
  for (const kind of Object.keys(kinds) as Kind[]) {
    const server = new Partner(new URL('./fan-out-server.ts', import.meta.url), [kind, databaseUrl]);
    const port = Number((await server.next())['port']);
    const kilobytes = await connectAll(server, clients, port, count);
    servers.set(kind, { server, port, kilobytes });
  }
  let round = 1;
  const slowest: Record<Kind, number[]> = { strata: [], raw: [], write: [] };
  const deliver = async (kind: Kind): Promise<number> => {
    const of = servers.get(kind);
    if (of === undefined) throw new Error(`no server ${kind}`);
    await Promise.all(clients.map((one) => one.ask({ expect: of.port })));
    const arrivals = clients.map((one) => one.next());
    const gets = new Gets(of.port);
    round += 1;
    const { startedAt } = await of.server.ask({ round });
    const last = (await Promise.all(arrivals)).map(({ arrivedAt }) => BigInt(String(arrivedAt)));
    slowest[kind].push(await gets.stop());
    return Number(last.reduce((a, b) => (a > b ? a : b)) - BigInt(String(startedAt)));
  };
  const contenders: Record<Kind, Contender> = {
    strata: { name: kinds.strata, run: () => deliver('strata') },
    raw: { name: kinds.raw, run: () => deliver('raw') },
    write: { name: kinds.write, run: () => deliver('write') },
  };
  // The code is compiled, and connections are as large as they get.
  for (const kind of Object.keys(kinds) as Kind[]) for (let n = 0; n < 3; n += 1) await deliver(kind);
  for (const kind of Object.keys(kinds) as Kind[]) slowest[kind].length = 0;
  const goal = { id: 'P15', subject: kinds.strata, peer: kinds.raw, measure: 'time' } as const;
  const delivery = await compare(
    `One change to ${count.toLocaleString('en-US')} streams: until the last has it`,
    Object.values(contenders),
    count < 10_000 ? [] : [{ ...goal, must: 1.3, stretch: 1 }],
    { operations: 1, rounds },
  );
  for (const { server } of servers.values()) server.end();
  for (const one of clients) one.end();
  const comparisons = [delivery, reads(count, slowest)];
  return count < 10_000
    ? comparisons
    : [...comparisons, memory(count, new Map([...servers].map(([kind, { kilobytes }]) => [kind, kilobytes])))];
}

/** One GET after the other, from this process, while an event goes out. */
class Gets {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #times: number[] = [];
  #isStopped = false;
  readonly #loop: Promise<void>;

  constructor(port: number) {
    this.#loop = this.#run(port);
  }

  async #run(port: number): Promise<void> {
    while (!this.#isStopped) {
      const start = performance.now();
      await new Promise<void>((resolve, reject) => {
        get({ host: '127.0.0.1', port, path: '/v1/values/theme', agent: this.#agent }, (response) => {
          response.resume().once('end', resolve);
        }).once('error', reject);
      });
      this.#times.push(performance.now() - start);
    }
  }

  /** The 99th percentile, in nanoseconds: with so few of them the slowest. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#loop;
    this.#agent.destroy();
    const sorted = this.#times.sort((a, b) => a - b);
    return (sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN) * 1e6;
  }
}

function reads(count: number, slowest: Readonly<Record<Kind, readonly number[]>>): Comparison {
  const bar = 'one millisecond';
  const measured = (Object.keys(kinds) as Kind[]).map((kind) => ({ name: kinds[kind], each: spreadOf(slowest[kind]) }));
  const ratio = spreadOf(slowest.strata.map((time) => time / 1e6));
  const goal = { id: 'P16', subject: kinds.strata, peer: bar, measure: 'time', must: 30, stretch: 15 } as const;
  const holds = ratio.median <= goal.stretch ? 'stretch' : ratio.median <= goal.must ? 'must' : 'missed';
  return {
    title: `The slowest hundredth of GETs while one change goes to ${count.toLocaleString('en-US')} streams`,
    unit: 'time',
    rounds: slowest.strata.length,
    measured,
    verdicts: count < 10_000 ? [] : [{ goal, ratio, holds }],
  };
}

function memory(count: number, kilobytes: ReadonlyMap<Kind, number>): Comparison {
  const each = (value: number): { median: number; p10: number; p90: number } => ({
    median: value,
    p10: value,
    p90: value,
  });
  const megabytes = (kind: Kind): number => ((kilobytes.get(kind) ?? Number.NaN) * count) / 1024;
  // 16 KB and 12 KB for each of 10,000.
  const goal = { id: 'P15', subject: kinds.strata, measure: 'megabytes', must: 156, stretch: 117 } as const;
  return {
    title: `Memory of ${count.toLocaleString('en-US')} streams`,
    unit: 'megabytes',
    rounds: 1,
    measured: [...kilobytes.keys()].map((kind) => ({ name: kinds[kind], each: each(megabytes(kind)) })),
    verdicts: [judge(goal, [megabytes('strata')], undefined)],
  };
}

const comparisons = [...(await measure(1000, 15)), ...(await measure(10_000, 11))];
await cluster.stop();
publish({
  name: 'live/fan-out',
  about:
    'One change of a small value, from `set` on a PostgreSQL to the last of the connected streams, beside a server of bare `node:http` that sends as many bytes from memory. Clients are bare connections in two other processes; a third process reads one value over and over meanwhile. Memory is ten thousand times that of one stream: the growth of the resident set of the server by the second half of the streams, opened 500 at a time with the garbage collected in between.',
  comparisons,
  versions: { PostgreSQL: cluster.version },
});

/** Owns the benchmark of three servers on one PostgreSQL beside one: hot and cold reads and writes over HTTP. */
import { Agent, request } from 'node:http';
import { availableParallelism } from 'node:os';
import { compare, inParallel, type Comparison, type Goal } from '../harness.ts';
import { Partner } from '../partner.ts';
import { startPostgres } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const concurrency = 30;
const names = { one: 'one server', three: 'three servers' } as const;
/** Connections are kept, as those of a proxy are. */
const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
const headers = { 'content-type': 'application/json', 'x-strata-actor': 'bench' };
let calls = 0;

/** Sends one request and waits for the whole answer. @throws Error where it is not 200. */
function send(method: string, url: string, body?: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers }, (answer) => {
      answer.resume().once('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`${method} ${url} was answered ${String(answer.statusCode)}`));
      });
    });
    sent.once('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** What is asked of a server by the caller at `place`. */
type Ask = (server: string, place: number) => Promise<void>;

const asks: Readonly<Record<string, Ask>> = {
  'Reads from memory': (server) => send('GET', `${server}/v1/values/theme?scope=global`),
  'First reads of a user': (server) => {
    calls += 1;
    return send('GET', `${server}/v1/values/theme?scope=user&scopeId=u${String(calls)}`);
  },
  'Writes, each caller to its own key': (server, place) => {
    calls += 1;
    return send('PUT', `${server}/v1/layers/key-${String(place)}?scope=global`, { value: { count: calls } });
  },
};

const goal: Goal = { subject: names.three, peer: names.one, measure: 'rate' };

function measure(title: string, ask: Ask, groups: Readonly<Record<keyof typeof names, readonly string[]>>) {
  const contender = (kind: keyof typeof names) => ({
    name: names[kind],
    run: (operations: number) =>
      inParallel(operations, concurrency, (place) => {
        const servers = groups[kind];
        return ask(servers[place % servers.length] ?? '', place);
      }),
  });
  return compare(title, [contender('one'), contender('three')], [goal]);
}

const cluster = await startPostgres();
const partners: Partner[] = [];
try {
  const start = async (database: string, count: number): Promise<string[]> => {
    const url = await cluster.createDatabase(database);
    const urls: string[] = [];
    for (let server = 0; server < count; server += 1) {
      const partner = new Partner(new URL('./servers-partner.ts', import.meta.url), [url]);
      partners.push(partner);
      urls.push(String((await partner.next())['url']));
    }
    await send('PUT', `${String(urls[0])}/v1/layers/theme?scope=global`, { value: { colour: '#336699' } });
    return urls;
  };
  const groups = { one: await start('one', 1), three: await start('three', 3) };
  const comparisons: Comparison[] = [];
  for (const [title, ask] of Object.entries(asks)) comparisons.push(await measure(title, ask, groups));
  publish({
    name: 'live/servers',
    about:
      `${String(concurrency)} callers at once, spread evenly over the servers of a contender, over kept connections; a server is a process with a pool of 10 connections. ` +
      'Both contenders have a database of their own in one PostgreSQL, and wait while the other is measured. ' +
      `Servers, PostgreSQL and the callers share ${String(availableParallelism())} processor cores, so more servers gain what one process leaves idle, and no more; ` +
      'with as many cores as processes they gain more. There is no goal for it.',
    comparisons,
    versions: { PostgreSQL: cluster.version, pg: packageVersion('pg') },
  });
} finally {
  for (const partner of partners) partner.end();
  agent.destroy();
  await cluster.stop();
}

/** Owns the benchmark of the memory of an idle server on PostgreSQL (P21), as its users run it: compiled. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createConfigurationService } from '@strata/service';
import { compare, type Contender } from '../harness.ts';
import { startPostgres, type Cluster } from '../postgres.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const values = 10_000;
const project = fileURLToPath(new URL('../..', import.meta.url));
/** How long a server is left alone before it is looked at. */
const idleMs = 3000;

execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'inherit' });
const cluster = await startPostgres();
try {
  await fill(cluster);
  const started: Contender = { name: 'after its start', run: () => megabytesOf(() => Promise.resolve()) };
  const used: Contender = { name: 'after every value was read', run: () => megabytesOf(readEverything) };
  const comparison = await compare(
    'Memory of an idle server',
    [started, used],
    [started, used].map(({ name }) => ({ id: 'P21', subject: name, measure: 'megabytes', must: 120, stretch: 90 })),
    { rounds: 5, operations: 1, unit: 'megabytes' },
  );
  publish({
    name: 'storage/server-memory',
    about:
      `\`strata serve\`, compiled, on a store of ${values.toLocaleString('en-US')} values of about 120 bytes at as many keys, each time in a new process: its ` +
      `resident set ${String(idleMs / 1000)} seconds after it was last asked for anything, without a forced garbage collection. The second one has ` +
      'answered a GET for each value before, and holds them all in its cache.',
    comparisons: [comparison],
    versions: { PostgreSQL: cluster.version, fastify: packageVersion('fastify') },
  });
} finally {
  await cluster.stop();
}

function keyName(number: number): string {
  return `bench/setting-${String(number)}`;
}

async function fill(target: Cluster): Promise<void> {
  const connections = target.pool(2);
  const service = createConfigurationService(connections);
  await service.migrate();
  for (let first = 0; first < values; first += 1000) {
    const changes = Array.from({ length: 1000 }, (_, place) => ({
      key: keyName(first + place),
      scope: 'global' as const,
      value: {
        number: first + place,
        label: 'one of many values of the benchmark of memory',
        limits: { perMinute: 60, burst: 20 },
      },
    }));
    await service.commit(changes, 'bench');
  }
  await service.close();
  await connections.end();
}

/** The resident set of a new server, once it was used and left alone. */
async function megabytesOf(use: (url: string) => Promise<void>): Promise<number> {
  const server = spawn(process.execPath, ['packages/cli/dist/main.js', 'serve', '--port', '0'], {
    cwd: project,
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', DATABASE_URL: cluster.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  try {
    const [line] = (await once(createInterface(server.stdout), 'line')) as [string];
    const url = /http:\/\/\S+/.exec(line)?.[0];
    if (url === undefined) throw new Error(`the server does not listen: ${line}`);
    await use(url);
    await wait(idleMs);
    return residentMegabytes(server.pid ?? 0);
  } finally {
    server.kill();
    await ended;
  }
}

async function readEverything(url: string): Promise<void> {
  for (let first = 0; first < values; first += 50) {
    const numbers = Array.from({ length: 50 }, (_, place) => first + place);
    await Promise.all(
      numbers.map(async (number) => {
        const answer = await fetch(`${url}/v1/values/${keyName(number)}`);
        const { value } = (await answer.json()) as { readonly value: { readonly number: number } };
        if (value.number !== number) throw new Error(`${keyName(number)} is ${JSON.stringify(value)}`);
      }),
    );
  }
}

function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error('the server has ended');
  return Number(kilobytes) / 1024;
}

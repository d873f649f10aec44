/** Owns the proof that services keep to what docs/guides/consistency.md promises, while their connections are cut and held up. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, inject, it } from 'vitest';
import type { ConfigurationManagementService as Service } from '../../packages/service/src/configuration-management-service.ts';
import { postgresDatabase } from '../../packages/service/src/db/postgres.ts';
import { describeDatabases, postgresPool, type TestDatabase } from '../databases.ts';
import { inTier } from '../kill/tier.ts';
import { serviceProcesses } from '../service-processes.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import { findUnlinearizable } from './checker.ts';
import type { StoredVersion, ToldOperation } from './history.ts';
import { findOrderViolations } from './revision-order.ts';
import { record, storedVersions, type WorkloadOptions } from './workload.ts';

/** How many histories are recorded and checked. */
const runs = inTier({ quick: 200, ci: 200, soak: 2000 });
const clients = 4;
const operations = 20;
/** How many are recorded at once. */
const lanes = 4;

const keysOf = (run: number): WorkloadOptions['keys'] => [
  `run-${String(run)}/a`,
  `run-${String(run)}/b`,
  `run-${String(run)}/c`,
];
const asksOf = (run: number): WorkloadOptions['asks'] => (run % 2 === 0 ? 'session' : 'shared');

/** Cuts, holds up and delays connections until it is told to end. */
async function disturb(proxies: readonly TcpProxy[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await wait(Math.random() * 120);
    const proxy = proxies[Math.floor(Math.random() * proxies.length)];
    const chance = Math.random();
    if (chance < 0.4) proxy?.cut();
    else if (chance < 0.8) {
      proxy?.setMode('stall');
      await wait(Math.random() * 60);
      proxy?.setMode('pass');
    } else proxy?.setDelay(Math.random() < 0.5 ? 0 : 3);
  }
}

/** What was asked of a key and told, in the order of the calls. */
function toldOf(history: readonly ToldOperation[], key: string): string {
  return history
    .filter((operation) => operation.key === key)
    .sort((a, b) => a.start - b.start)
    .map(({ start, end, ...operation }) => `${start.toFixed(1)} to ${end.toFixed(1)} ${JSON.stringify(operation)}`)
    .join('\n');
}

/** What a history does not keep of the promises. */
function violations(
  { asks }: Pick<WorkloadOptions, 'asks'>,
  history: readonly ToldOperation[],
  stored: readonly StoredVersion[],
): string[] {
  // Whoever asks for the newest revision that anybody was told reads as from one register; others as far as their own session goes.
  const register = history.filter(
    ({ action, read }) => action.kind !== 'get' || (asks === 'shared' && read?.minRevision !== undefined),
  );
  return [
    ...findUnlinearizable(register).map((key) => `${key} is not linearizable:\n${toldOf(register, key)}`),
    ...findOrderViolations(history, stored),
  ];
}

describeDatabases(
  'three services on one PostgreSQL',
  (engine) => {
    const endings: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const end of endings.splice(0).reverse()) await end();
    });
    const processes = serviceProcesses(engine);

    async function startBehind(
      store: TestDatabase,
      pollInterval: number,
    ): Promise<{ proxy: TcpProxy; service: Service }> {
      const proxy = await startTcpProxy(inject('postgres'));
      const pool = postgresPool(store.schema, { host: '127.0.0.1', port: proxy.port, max: 4 });
      const database = postgresDatabase(pool);
      endings.push(
        () => proxy.close(),
        () => pool.end(),
        () => database.close(),
      );
      return { proxy, service: processes.startOn(database, { pollInterval }) };
    }

    it(
      `are linearizable for who asks for what was seen, and keep their promises to others, in ${String(runs)} histories`,
      async () => {
        const store = await processes.open();
        const started = await Promise.all([20, 100, 1000].map((pollInterval) => startBehind(store, pollInterval)));
        const direct = processes.start(store);
        const services = started.map(({ service }) => service);
        const ending = new AbortController();
        const disturbing = disturb(
          started.map(({ proxy }) => proxy),
          ending.signal,
        );
        const found = { operations: 0, asked: 0, plain: 0, writes: 0, unknown: 0, refusedReads: 0 };
        const broken: string[] = [];
        try {
          // A few more where none of these left a client in doubt: what becomes of an unknown outcome has to be in the proof.
          const numbers = (function* () {
            for (let run = 0; run < runs || (found.unknown === 0 && run < 3 * runs); run += 1) yield run;
          })();
          const lane = async (): Promise<void> => {
            for (const run of numbers) {
              if (broken.length > 0) return;
              const options = { services, keys: keysOf(run), clients, operations, asks: asksOf(run) };
              const { history, refusedReads } = await record(options);
              const stored = await storedVersions(direct, options.keys);
              broken.push(...violations(options, history, stored).map((problem) => `run ${String(run)}: ${problem}`));
              const reads = history.filter(({ action }) => action.kind === 'get');
              const asked = reads.filter(({ read }) => read?.minRevision !== undefined).length;
              found.operations += history.length;
              found.asked += asked;
              found.plain += reads.length - asked;
              found.writes += history.length - reads.length;
              found.unknown += history.filter(({ end }) => end === Infinity).length;
              found.refusedReads += refusedReads;
            }
          };
          await Promise.all(Array.from({ length: lanes }, lane));
        } finally {
          ending.abort();
          await disturbing;
          for (const { proxy } of started) proxy.setMode('pass');
        }
        expect(broken).toEqual([]);
        // Enough of everything happened for that to say something.
        const each = runs * clients * operations;
        expect(found.operations).toBeGreaterThan(each / 2);
        expect(Math.min(found.asked, found.plain, found.writes)).toBeGreaterThan(each / 20);
        expect(found.unknown).toBeGreaterThan(0);
      },
      30_000 + runs * 2000,
    );
  },
  'postgres',
);

describeDatabases('a broken service is found out', (engine) => {
  const processes = serviceProcesses(engine);

  /** Records and judges histories with one of three services broken, until all of `expected` was found, or ten of them. */
  async function judge(
    breakIt: (service: Service) => Service,
    asks: WorkloadOptions['asks'],
    ...expected: readonly string[]
  ): Promise<string> {
    const store = await processes.open();
    const sound = [processes.start(store), processes.start(store), processes.start(store)] as const;
    const services = [sound[0], sound[1], breakIt(sound[2])];
    let found = '';
    const isFound = (): boolean => expected.length > 0 && expected.every((problem) => found.includes(problem));
    for (let run = 0; run < 10 && !isFound(); run += 1) {
      const options = { services, keys: keysOf(run), clients: 3, operations: 20, asks };
      const { history } = await record(options);
      found += violations(options, history, await storedVersions(sound[0], options.keys)).join('\n');
    }
    return found;
  }

  it.each(['session', 'shared'] as const)('but not one that is whole (asks: %s)', async (asks) => {
    expect(await judge((service) => service, asks)).toBe('');
  });

  it('when it answers reads from an old value', async () => {
    const old = new Map<string, unknown>();
    const expected = ['is not linearizable', 'a read of what was not there at its revision'];
    const found = await judge(
      (service) => ({
        ...service,
        read: async (key: string, ...rest: []) => {
          const read = await service.read<never>(key, ...rest);
          if (!old.has(key)) old.set(key, read.value);
          return { ...read, value: old.get(key) as never };
        },
      }),
      'shared',
      ...expected,
    );
    for (const problem of expected) expect(found).toContain(problem);
  });

  it('when it leaves minRevision out of account', async () => {
    const expected = ['a read older than it was asked for'];
    const found = await judge(
      (service) => ({ ...service, read: (key: string, scope: undefined) => service.read<never>(key, scope) }),
      'shared',
      ...expected,
    );
    for (const problem of expected) expect(found).toContain(problem);
  });

  it('when it acknowledges writes that it loses', async () => {
    const expected = ['is not linearizable', 'a lost write'];
    const found = await judge(
      (service) => ({
        ...service,
        set: (async (key: string, value: unknown, ...rest: [scope: { scope: 'global' }, user: string]) => {
          if (Math.random() < 0.7) return service.set(key, value, ...rest);
          const { revision } = await service.read(key);
          return { revision: revision + 1 };
        }) as Service['set'],
      }),
      'shared',
      ...expected,
    );
    for (const problem of expected) expect(found).toContain(problem);
  });
});

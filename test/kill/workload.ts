/** Owns what a writer writes: every kind of write at once, each of which can be checked for being whole. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { isConfigurationError } from '../../packages/core/src/errors.ts';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import { say } from './acknowledgement.ts';

/** Keys whose value goes up by one with each version. */
export const counters = ['counter/a', 'counter/b'];
/** Keys that a commit sets all at once, to the same value, each at a scope of its own. */
export const together = ['together/a', 'together/b', 'together/c'];

const actor = 'writer';
const global = { scope: 'global' } as const;

/** Starts several writers at once on one service; each goes on until a call is refused. @param repeat see `WriterOptions`. */
export function startWriters(service: ConfigurationManagementService, run: number, repeat: boolean): Promise<never>[] {
  const call = repeat ? repeated : once;
  return [
    ...counters.flatMap((key) => [increment(service, call, key), increment(service, call, key)]),
    setAlone(service, call, run),
    setTogether(service, call, run),
    setAndDelete(service, call, run),
    tag(service, call, run),
    lock(service, call),
  ];
}

/** Makes a call with an idempotency key, once or until it is answered. */
type Call = <T>(write: (idempotencyKey: string) => Promise<T>) => Promise<T>;

const once: Call = (write) => write(randomUUID());

const repeated: Call = async (write) => {
  const idempotencyKey = randomUUID();
  for (;;) {
    try {
      return await write(idempotencyKey);
    } catch (error) {
      const isAway = (['unavailable', 'outcome_unknown'] as const).some((code) => isConfigurationError(error, code));
      if (!isAway) throw error;
      await wait(20);
    }
  }
};

async function increment(service: ConfigurationManagementService, call: Call, key: string): Promise<never> {
  for (;;) {
    const current = await call(() => service.getLayer(key, global));
    const value = { count: current === null ? 1 : (current.value as { count: number }).count + 1 };
    const ifVersion = current?.version ?? null;
    try {
      const version = await call((idempotencyKey) =>
        service.set(key, value, global, actor, undefined, { ifVersion, idempotencyKey }),
      );
      say({ is: 'versions', versions: [version] });
    } catch (error) {
      if (!isConfigurationError(error, 'conflict')) throw error;
    }
  }
}

async function setAlone(service: ConfigurationManagementService, call: Call, run: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    const value = { run, n, text: '€'.repeat(n % 500) };
    const version = await call((idempotencyKey) =>
      service.set(`alone/${String(n % 7)}`, value, global, actor, `number ${String(n)}`, { idempotencyKey }),
    );
    say({ is: 'versions', versions: [version] });
  }
}

async function setTogether(service: ConfigurationManagementService, call: Call, run: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    const changes = together.map((key) => ({ key, scope: 'org' as const, scopeId: key, value: { run, n } }));
    const { versions } = await call((idempotencyKey) => service.commit(changes, actor, undefined, { idempotencyKey }));
    say({ is: 'versions', versions });
  }
}

async function setAndDelete(service: ConfigurationManagementService, call: Call, run: number): Promise<never> {
  const scope = { scope: 'user', scopeId: 'ada' } as const;
  for (let n = 0; ; n += 1) {
    const set = await call((idempotencyKey) =>
      service.set('passing', { run, n }, scope, actor, undefined, { idempotencyKey }),
    );
    say({ is: 'versions', versions: [set] });
    const removed = await call((idempotencyKey) =>
      service.delete('passing', scope, actor, undefined, { idempotencyKey }),
    );
    say({ is: 'versions', versions: [removed] });
  }
}

async function tag(service: ConfigurationManagementService, call: Call, run: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    const { version } = await call((idempotencyKey) =>
      service.set('tagged', { run, n }, global, actor, undefined, { idempotencyKey }),
    );
    const made = await call(() => service.createTag(`run-${String(run)}-${String(n)}`, version));
    say({ is: 'tag', tag: made.tag, version, revision: made.revision });
    await wait(5);
  }
}

/** A call that is repeated may find that the one before it was applied. */
async function lock(service: ConfigurationManagementService, call: Call): Promise<never> {
  for (;;) {
    await unless('lock_exists', () => call(() => service.lockConfig('locked', global, { path: 'a.b' }, actor)));
    const [held] = await call(() => service.listLocks({ key: 'locked' }));
    if (held === undefined) throw new Error('a lock that was set is not there');
    say({ is: 'lock', key: 'locked', revision: held.revision });
    await wait(5);
    await unless('lock_not_found', () => call(() => service.unlockConfig('locked', global, { path: 'a.b' }, actor)));
    say({ is: 'unlock', key: 'locked', lockRevision: held.revision });
    await wait(5);
  }
}

async function unless(code: 'lock_exists' | 'lock_not_found', call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isConfigurationError(error, code)) throw error;
  }
}

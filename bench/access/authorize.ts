/** Owns the benchmark of access control on reads from memory: with a hook, and with roles, beside none. */
import { createConfigurationService, openEmbeddedDatabase, type ConfigurationManagementService } from '@strata/service';
import { compare, type Contender } from '../harness.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const keys = Array.from({ length: 1000 }, (_, n) => `bench/setting-${String(n)}`);
const scope = { scope: 'org', scopeId: 'acme' } as const;
const actor = { id: 'reader', roles: ['staff'] };

const open = await openEmbeddedDatabase();
const bound = await openEmbeddedDatabase();
const services = {
  off: createConfigurationService(open),
  hook: createConfigurationService(open, { authorize: () => true }),
  bindings: createConfigurationService(bound),
};

// What is read is used, so that no read can be left out as useless.
let seen = 0;

function contender(name: string, service: ConfigurationManagementService): Contender {
  return {
    name,
    run: async (operations) => {
      for (let n = 0; n < operations; n += 1) {
        if ((await service.get<unknown>(keys[n % keys.length] ?? '', scope)) !== null) seen += 1;
      }
    },
  };
}

const contenders = {
  off: contender('`get` without access control', services.off.as(actor)),
  hook: contender('`get` with an `authorize` that returns true', services.hook.as(actor)),
  bindings: contender('`get` with 20 role bindings', services.bindings.as(actor)),
};

try {
  for (const service of [services.off, services.bindings]) {
    for (let at = 0; at < keys.length; at += 100) {
      const changes = keys
        .slice(at, at + 100)
        .map((key) => ({ key, ...scope, value: { limit: at, mode: 'standard' } }));
      await service.commit(changes, 'system');
    }
  }
  for (let n = 0; n < 18; n += 1) {
    const subject = { user: `user-${String(n)}` };
    await services.bindings.bindRole({ subject, role: 'editor', ...scope }, 'system');
  }
  await services.bindings.bindRole(
    { subject: { group: 'staff' }, role: 'viewer', scope: 'global', keys: 'bench/*' },
    'system',
  );
  const secret = { subject: { user: 'reader' }, role: 'viewer', ...scope, keys: 'secrets', effect: 'deny' } as const;
  await services.bindings.bindRole(secret, 'system');

  for (const service of Object.values(services)) for (const key of keys) await service.as(actor).get(key, scope);
  const goal = (subject: Contender) =>
    ({ id: 'access', subject: subject.name, peer: contenders.off.name, measure: 'time', must: 1.3 }) as const;
  publish({
    name: 'access/authorize',
    about: `One reader asks for ${String(keys.length)} values in turn, all of them in memory, at an org. The bindings are of 18 other users, one of a group that the reader is in, and a denial for another key.`,
    comparisons: [
      await compare(
        'A read from memory',
        Object.values(contenders),
        [goal(contenders.hook), goal(contenders.bindings)],
        { clock: 'processor' },
      ),
    ],
    versions: { PGlite: packageVersion('@electric-sql/pglite') },
  });
  if (seen === 0) throw new Error('nothing was read');
} finally {
  for (const service of Object.values(services)) await service.close();
  await open.close();
  await bound.close();
}

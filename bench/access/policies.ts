/** Owns the benchmark of what the gate costs: writes and reads under many policies and an `authorize`, beside none of them. */
import { createConfigurationService, openEmbeddedDatabase, type ConfigurationManagementService } from '@strata/service';
import { compare, type Contender } from '../harness.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const policies = 100;
const keys = Array.from({ length: 1000 }, (_, n) => `bench/setting-${String(n)}`);
const scope = { scope: 'org', scopeId: 'acme' } as const;

// Each writes to a database of its own, so that none of them meets what another has left.
const databases = {
  off: await openEmbeddedDatabase(),
  hook: await openEmbeddedDatabase(),
  policies: await openEmbeddedDatabase(),
};
const services = {
  off: createConfigurationService(databases.off),
  hook: createConfigurationService(databases.hook, { authorize: () => true }),
  policies: createConfigurationService(databases.policies),
};

// What is read is used, so that no read can be left out as useless; each value that is written is a new one.
let count = 0;

const setter = (name: string, service: ConfigurationManagementService): Contender => ({
  name,
  run: async (operations) => {
    for (let n = 0; n < operations; n += 1)
      await service.set(keys[n % keys.length] ?? '', (count += 1), scope, 'writer');
  },
});

const reader = (name: string, service: ConfigurationManagementService): Contender => ({
  name,
  run: async (operations) => {
    for (let n = 0; n < operations; n += 1) {
      if ((await service.get<unknown>(keys[n % keys.length] ?? '', scope)) !== null) count += 1;
    }
  },
});

const writes = {
  off: setter('`set` without either', services.off),
  hook: setter('`set` with an `authorize` that returns true', services.hook),
  policies: setter(`\`set\` under ${String(policies)} policies about other keys`, services.policies),
};
const reads = {
  off: reader('`get` without policies', services.off),
  policies: reader(`\`get\` under ${String(policies)} policies`, services.policies),
};

try {
  for (const service of Object.values(services)) {
    for (let at = 0; at < keys.length; at += 100) {
      const changes = keys.slice(at, at + 100).map((key) => ({ key, ...scope, value: at }));
      await service.commit(changes, 'writer');
    }
  }
  for (let n = 0; n < policies; n += 1) {
    const policy = { name: `policy-${String(n)}`, keys: [`guarded/*-${String(n)}`], minimumApprovals: 2 };
    await services.policies.setPolicy(policy, 'writer');
  }
  for (const service of Object.values(services)) for (const key of keys) await service.get(key, scope);
  const against = (subject: Contender, peer: Contender) =>
    ({ subject: subject.name, peer: peer.name, measure: 'time' }) as const;
  publish({
    name: 'access/policies',
    about: `One writer sets ${String(keys.length)} small values in turn on an embedded database in memory, and one reader asks for them in memory. None of the policies is about them, as is so for most keys of a store.`,
    comparisons: [
      await compare('A write', Object.values(writes), [
        against(writes.hook, writes.off),
        against(writes.policies, writes.off),
      ]),
      await compare(
        'A read from memory',
        Object.values(reads),
        [{ id: 'access', must: 1.3, ...against(reads.policies, reads.off) }],
        { clock: 'processor' },
      ),
    ],
    versions: { PGlite: packageVersion('@electric-sql/pglite') },
  });
} finally {
  for (const service of Object.values(services)) await service.close();
  for (const database of Object.values(databases)) await database.close();
}

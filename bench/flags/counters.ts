/** Owns the benchmark of what counting evaluations costs: `evaluateFlag` of a service with usage counters, beside one without. */
import { createConfigurationService, openEmbeddedDatabase, type ConfigurationManagementService } from '@strata/service';
import type { FlagContext } from '@strata/core';
import { compare, type Comparison, type Contender } from '../harness.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';
import { strataFlag } from './contenders/strata.ts';
import { asked, flagCount, kinds, names, people, stride, type Kind } from './workload.ts';

const contexts = people.map(({ id, ...attributes }): FlagContext => ({ userId: id, attributes }));
// What is evaluated is used, so that no evaluation can be left out as useless.
let on = 0;

const evaluating = (name: string, service: ConfigurationManagementService): Contender => ({
  name,
  run: async (operations) => {
    for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % contexts.length)
      if (await service.evaluateFlag(asked[n % asked.length] ?? '', contexts[at])) on += 1;
  },
});

async function measure(kind: Kind): Promise<Comparison> {
  const database = await openEmbeddedDatabase();
  // Told once an hour: what is measured is counting, and telling is a statement a minute.
  const services = {
    on: createConfigurationService(database, { serviceName: 'bench', usageInterval: 3_600_000 }),
    off: createConfigurationService(database),
  };
  try {
    const flags = Object.fromEntries(names.map((name, flag) => [name, { ...strataFlag(kind, flag, name) }]));
    await services.off.set('feature_flags', flags, { scope: 'global' }, 'bench');
    for (const service of Object.values(services)) await service.evaluateFlag(names[0] ?? '', contexts[0]);
    const counted = evaluating('counters on', services.on);
    const bare = evaluating('counters off', services.off);
    return await compare(
      kind,
      [counted, bare],
      [{ subject: counted.name, peer: bare.name, measure: 'rate', must: 0.9 }],
      { clock: 'processor', rounds: 41 },
    );
  } finally {
    for (const service of Object.values(services)) await service.close();
    await database.close();
  }
}

const comparisons: Comparison[] = [];
for (const kind of kinds) comparisons.push(await measure(kind));
if (on === 0) throw new Error('no flag was on');

publish({
  name: 'flags/counters',
  about: `\`await evaluateFlag\` of ${String(flagCount)} flags of one kind for ${String(contexts.length)} contexts in turn, as in flags/evaluation, of two services on one embedded database in memory: one counts evaluations by flag and variant, the other does not.`,
  comparisons,
  versions: { PGlite: packageVersion('@electric-sql/pglite') },
});

/** Owns the proof of evaluation counters: what is counted of flags, and which of them are told to be stale. */
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { age } from '../../../test/old-counters.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const never = { pollInterval: 3_600_000, listen: false };
const global = { scope: 'global' } as const;

async function addFlag(service: ConfigurationManagementService, name: string, more: object = {}): Promise<void> {
  await service.set('feature_flags', { name, enabled: true, ...more }, global, 'ann');
}

const rows = ({ usage }: Awaited<ReturnType<ConfigurationManagementService['getFlagUsage']>>): unknown[] =>
  usage.map(({ flag, variant, service, evaluations }) => [flag, variant, service, evaluations]);

describeDatabases('evaluation counters', (engine) => {
  const services = servicesOn(engine);

  it('count every evaluation by flag, variant and service, and add up over processes', async () => {
    const { service: writer, database } = await services.open(never);
    await addFlag(writer, 'half', { conditions: [{ attribute: 'role', operator: 'equals', value: 'admin' }] });
    await addFlag(writer, 'all');
    for (let process = 0; process < 2; process += 1) {
      const service = services.on(database, { ...never, serviceName: 'shop' });
      const admin = { userId: 'u', attributes: { role: 'admin' } };
      for (let n = 0; n < 5; n += 1) expect(await service.evaluateFlag('half', admin)).toBe(true);
      expect(await service.evaluateFlag('half', { userId: 'v' })).toBe(false);
      await service.evaluateFlagDetail('half', { userId: 'v' }, false, { scope: global });
      await service.as({ id: 'ann', service: 'web' }).evaluateFlag('half', admin);
      await service.evaluateAll({ userId: 'v' });
      // Neither serves anything.
      await service.evaluateFlag('none', {}, true);
      await service.explainFlag('half', admin);
      await service.close();
    }
    expect(rows(await writer.getFlagUsage())).toEqual([
      ['half', 'on', 'shop', 10],
      ['half', 'off', 'shop', 6],
      ['all', 'on', 'shop', 2],
      ['half', 'on', 'web', 2],
    ]);
    expect(rows(await writer.getFlagUsage({ flag: 'half', service: 'web' }))).toHaveLength(1);
    expect(await writer.getFlagUsage()).toMatchObject({ countedDays: 1, uncounted: 0 });
    const [minutes] = await database.query('SELECT sum(evaluations)::int AS sum FROM configuration_evaluations');
    expect(minutes).toEqual({ sum: 20 });
  });

  it('are kept when telling fails, and are off by default', async () => {
    const { service: writer, database: inner } = await services.open(never);
    await addFlag(writer, 'f');
    await writer.evaluateFlag('f');
    let isBroken = true;
    const database = interceptDatabase(inner, async ({ text }, run) => {
      if (isBroken && text.includes('configuration_evaluations')) throw new Error('broken');
      return run();
    });
    let warnings = 0;
    const service = services.on(database, {
      ...never,
      usage: true,
      usageInterval: 10,
      onWarning: () => (warnings += 1),
    });
    await service.evaluateFlag('f');
    await expect.poll(() => warnings).toBeGreaterThan(0);
    await service.evaluateFlag('f');
    isBroken = false;
    await service.close();
    expect(rows(await writer.getFlagUsage())).toEqual([['f', 'on', '', 2]]);
  });
});

describeDatabases('listStaleFlags', (engine) => {
  const services = servicesOn(engine);

  it('tells which flags nothing would miss, and why', async () => {
    const { service: writer, database } = await services.open(never);
    await addFlag(writer, 'both', { conditions: [{ attribute: 'role', operator: 'equals', value: 'admin' }] });
    for (const name of ['never', 'once', 'one-sided', 'needed', 'archived']) await addFlag(writer, name);
    await addFlag(writer, 'depends', { prerequisites: [{ flag: 'needed' }] });
    await writer.archiveFlag('archived');
    expect(await writer.listStaleFlags({ days: 1 })).toMatchObject({ since: null, flags: [] });
    const evaluate = async (...names: string[]): Promise<void> => {
      const service = services.on(database, { ...never, serviceName: 'shop' });
      for (const name of names) await service.evaluateFlag(name, { attributes: { role: 'admin' } });
      await service.evaluateFlag('both', {});
      await service.close();
    };
    await evaluate('once');
    await age(database, 20);
    await addFlag(writer, 'young');
    await evaluate('one-sided', 'one-sided', 'both', 'depends');
    const stale = await writer.listStaleFlags({ days: 10 });
    expect(stale).toMatchObject({ days: 10, countedDays: 1 });
    expect(stale.flags.map(({ flag, reason, variant, evaluations }) => [flag, reason, variant, evaluations])).toEqual([
      ['depends', 'one_sided', 'on', 1],
      ['never', 'never_evaluated', null, 0],
      ['once', 'not_evaluated', null, 0],
      ['one-sided', 'one_sided', 'on', 2],
    ]);
    expect(stale.flags[2]?.lastEvaluatedAt).toBeInstanceOf(Date);
    // Flags are none of the keys that nobody reads.
    expect((await writer.listUnusedKeys({ days: 10 })).keys).toEqual([]);
  });

  it('shows only flags that the actor may read', async () => {
    const { service: root, database } = await services.open(never);
    await addFlag(root, 'shared');
    await addFlag(root, 'private');
    const service = services.on(database, { ...never, usage: true });
    await service.evaluateFlag('private');
    await service.evaluateFlag('shared');
    await service.close();
    await age(database, 20);
    const bind = (user: string, role: string, keys: string, effect: 'allow' | 'deny' = 'allow') =>
      root.bindRole({ subject: { user }, role, ...global, keys, effect }, 'root');
    await bind('root', 'admin', '*');
    await bind('gina', 'viewer', '*');
    await bind('gina', 'viewer', '*private', 'deny');
    const gina = root.as('gina');
    expect((await gina.listStaleFlags({ days: 10 })).flags.map(({ flag }) => flag)).toEqual(['shared']);
    expect((await gina.getFlagUsage()).usage.map(({ flag }) => flag)).toEqual(['shared']);
    await expectRefusal(root.as('otto').listStaleFlags(), 'not_permitted');
    await expectRefusal(gina.getFlagUsage({ flag: 'private' }), 'not_permitted');
    await expectRefusal(root.listStaleFlags({ days: 0 }), 'invalid_argument');
  });
});

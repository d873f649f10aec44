/** Owns the proof of definitions: what registering a schema does to what is stored, and to what may be. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { expectFrozen, expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { Database } from './db/database.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;

const speed = z.object({ max: z.number().max(200), unit: z.enum(['km', 'mi']).default('km') });
/** A rule that JSON Schema cannot hold. */
const range = z
  .object({ low: z.number(), high: z.number() })
  .refine(({ low, high }) => low <= high, { message: 'must not be above high', path: ['low'] });

describeDatabases('a schema', (engine) => {
  const services = servicesOn(engine);

  it('is registered as Zod or as JSON Schema, by a commit of its own', async () => {
    const { service, database, revision } = await services.open();
    const byZod = await service.registerSchema('speed', speed, { description: 'How fast', actor: 'ann' });
    expect(byZod).toMatchObject({
      ...{ key: 'speed', description: 'How fast', enforcedHere: true, revision: 1, invalid: [], zod: speed },
      jsonSchema: { type: 'object', required: ['max'], additionalProperties: false },
    });
    const jsonSchema = { type: 'array', items: { type: 'string' }, maxItems: 2 };
    const byJson = await service.registerSchema('list', jsonSchema, { comment: 'as agreed' });
    expect(byJson).toEqual({ key: 'list', jsonSchema, enforcedHere: true, revision: 2, invalid: [] });
    expect(await revision()).toBe(2);
    const rows = await database.query(
      'SELECT operation, key, actor, comment FROM configuration_commits ORDER BY revision',
    );
    expect(rows).toEqual([
      { operation: 'schema', key: 'speed', actor: 'ann', comment: null },
      { operation: 'schema', key: 'list', actor: 'system', comment: 'as agreed' },
    ]);
    await service.set('list', ['a', 'b'], global, 'ann');
    expect((await expectRefusal(service.set('list', ['a', 1, 'c'], global, 'ann'), 'validation_failed')).message).toBe(
      'Validation failed: the value must have at most 2 items, [1] must be a text, not a number',
    );
  });

  it('that is the same again does no work', async () => {
    const { service, revision } = await services.open();
    const first = await service.registerSchema('speed', speed);
    const same = z.object({ max: z.number().max(200), unit: z.enum(['km', 'mi']).default('km') });
    expect(await service.registerSchema('speed', same)).toEqual({ ...first, zod: same });
    expect(await revision()).toBe(1);
    const { revision: again } = await service.registerSchema('speed', speed, { baseImpact: 'high' });
    expect(again).toBe(2);
  });

  it('is known to getSchema and listSchemas, with the built-in ones', async () => {
    const { service } = await services.open();
    expect(await service.getSchema('nothing')).toBeNull();
    const builtIn = await service.getSchema('pm_intervals');
    expect(builtIn).toMatchObject({ key: 'pm_intervals', baseImpact: 'high', enforcedHere: true, revision: 0 });
    await service.registerSchema('speed', speed);
    const keys = (await service.listSchemas()).map(({ key }) => key);
    expect(keys).toEqual(keys.toSorted());
    expect(keys).toEqual(expect.arrayContaining(['api_keys', 'branding', 'speed', 'system_settings']));
  });

  it('gives its defaults in reads and explains them as its own', async () => {
    const { service } = await services.open();
    await service.registerSchema('speed', speed);
    expect(await service.get('speed')).toBeNull();
    await service.set('speed', { max: 100 }, global, 'ann');
    expect((await service.getLayer('speed', global))?.value).toEqual({ max: 100 });
    for (const value of [await service.get('speed'), await service.get('speed'), await service.get('speed', org)]) {
      expect(value).toEqual({ max: 100, unit: 'km' });
      expectFrozen(value);
    }
    expect(await service.getBatch(['speed'])).toEqual(new Map([['speed', { max: 100, unit: 'km' }]]));
    expect(await service.getAll()).toEqual(new Map([['speed', { max: 100, unit: 'km' }]]));
    const { leaves, value } = await service.explain('speed');
    expect(value).toEqual({ max: 100, unit: 'km' });
    expect(leaves).toEqual([
      expect.objectContaining({ path: 'max', scope: 'global', changedBy: 'ann' }),
      { path: 'unit', value: 'km', scope: 'schema', scopeId: null, version: null, changedBy: null, changedAt: null, comment: null, candidates: [] }, // prettier-ignore
    ]);
  });

  it('that changes is seen by reads at once', async () => {
    const { service } = await services.open();
    await service.registerSchema('speed', speed);
    await service.set('speed', { max: 100 }, global, 'ann');
    await service.get('speed');
    await service.registerSchema('speed', speed.extend({ unit: z.enum(['km', 'mi']).default('mi') }));
    expect(await service.get('speed')).toEqual({ max: 100, unit: 'mi' });
    await service.registerSchema('speed', z.looseObject({}));
    expect(await service.get('speed')).toEqual({ max: 100 });
  });

  it('asks of a layer that it is right in parts, and of the effective value that it is whole', async () => {
    const { service, revision } = await services.open();
    await service.registerSchema('speed', speed);
    const before = await revision();
    const missing = await expectRefusal(service.set('speed', { unit: 'mi' }, org, 'ann'), 'validation_failed');
    expect(missing.details['errors']).toEqual([{ path: 'max', message: 'max is required' }]);
    await expectRefusal(
      service.set('speed', { unit: 'mi' }, org, 'ann', undefined, { dryRun: true }),
      'validation_failed',
    );
    expect(await revision()).toBe(before);
    await service.set('speed', { max: 100 }, global, 'ann');
    await service.set('speed', { unit: 'mi' }, org, 'ann');
    expect(await service.get('speed', org)).toEqual({ max: 100, unit: 'mi' });
    await expectRefusal(service.set('speed', { max: { $unset: true } }, org, 'ann'), 'validation_failed');
    await service.set('speed', { $unset: true }, org, 'ann');
    expect(await service.get('speed', org)).toBeNull();
    const wrong = { max: 300, unit: 'ft', colour: 'red' };
    const { message } = await expectRefusal(service.set('speed', wrong, org, 'ann'), 'validation_failed');
    expect(message).toMatch(/^Validation failed: /);
    for (const part of ['max must be at most 200', 'unit must be one of km, mi', 'colour is not a known property'])
      expect(message).toContain(part);
  });

  it('lets one commit bring what its parts need of each other', async () => {
    const { service } = await services.open();
    await service.registerSchema('speed', speed);
    await service.registerScope({ ...team, parent: org });
    await service.commit(
      [
        { key: 'speed', ...team, value: { unit: 'mi' } },
        { key: 'speed', ...org, value: { max: 50 } },
      ],
      'ann',
    );
    expect(await service.get('speed', team)).toEqual({ max: 50, unit: 'mi' });
    const removal = { key: 'speed', ...org, delete: true } as const;
    await expectRefusal(service.commit([removal], 'ann'), 'would_break');
    await service.commit([removal, { key: 'speed', ...team, delete: true }], 'ann');
  });

  it('refuses a change above that breaks what is stored below, lists it, and yields to force', async () => {
    const { service, database, revision } = await services.open();
    await service.registerSchema('range', range);
    await service.registerScope({ ...team, parent: org });
    await service.set('range', { low: 1, high: 10 }, global, 'ann');
    await service.set('range', { high: 5 }, org, 'ann');
    await service.set('range', { low: 4 }, team, 'ann');
    const before = await revision();
    const refusal = await expectRefusal(service.set('range', { high: 3 }, org, 'bob'), 'would_break');
    expect(refusal.details['broken']).toEqual([
      { key: 'range', ...team, errors: [{ path: 'low', message: 'low must not be above high' }] },
    ]);
    expect(refusal.message).toContain('range at team t (low must not be above high)');
    await expectRefusal(service.delete('range', global, 'bob'), 'would_break');
    await expectRefusal(service.rollback('range', 'HEAD~9', 'bob', 'x'), 'version_not_found');
    expect(await revision()).toBe(before);
    const dry = await service.set('range', { high: 3 }, org, 'bob', undefined, { dryRun: true });
    expect(dry.wouldBreak).toEqual(refusal.details['broken']);

    await service.set('range', { high: 3 }, org, 'bob', 'urgent', { force: true });
    expect(await service.get('range', team)).toEqual({ low: 4, high: 3 });
    const [audit] = await database.query<{ readonly metadata: string }>(
      `SELECT metadata FROM configuration_audit_log ORDER BY id DESC LIMIT 1`,
    );
    expect(JSON.parse(audit?.metadata ?? '')).toMatchObject({ forced: true, broken: [{ scopeId: 't' }] });
    // What is broken already is not newly broken.
    await service.set('range', { high: 2 }, org, 'bob');
  });

  it('lets a layer be removed where what is above does not fit', async () => {
    const { service } = await services.open();
    await service.set('speed', { colour: 'red' }, global, 'ann');
    await service.set('speed', { max: 10, colour: { $unset: true } }, org, 'ann');
    await service.registerSchema('speed', speed);
    await service.delete('speed', org, 'ann');
    expect(await service.get('speed', org)).toEqual({ colour: 'red', unit: 'km' });
  });

  it('says what stored values it does not fit, and registers unless told to refuse', async () => {
    const { service, revision } = await services.open();
    await service.set('speed', { max: 300 }, org, 'ann');
    await service.set('speed', { max: 100 }, team, 'ann');
    const before = await revision();
    const refusal = await expectRefusal(
      service.registerSchema('speed', speed, { onInvalid: 'refuse' }),
      'schema_breaks_values',
    );
    expect(refusal.message).toContain('speed at org o (max must be at most 200)');
    expect(await revision()).toBe(before);
    expect(await service.getSchema('speed')).toBeNull();
    const { invalid } = await service.registerSchema('speed', speed);
    expect(invalid).toEqual([{ key: 'speed', ...org, errors: [{ path: 'max', message: 'max must be at most 200' }] }]);
    expect(await service.get('speed', org)).toEqual({ max: 300, unit: 'km' });
    expect((await service.registerSchema('speed', z.looseObject({}), { onInvalid: 'refuse' })).invalid).toEqual([]);
  });

  it('with rules in code is enforced only by a process that holds that code', async () => {
    const { service, database, revision } = await services.open();
    const other = services.on(database);
    const { enforcedHere } = await service.registerSchema('range', range);
    expect(enforcedHere).toBe(true);
    expect(await other.getSchema('range')).toMatchObject({ code: true, enforcedHere: false });
    const kept = await service.set('range', { low: 1, high: 2 }, global, 'ann');
    const before = await revision();
    const calls = [
      () => other.set('range', { low: 1, high: 3 }, global, 'ann'),
      () => other.delete('range', global, 'ann'),
      () => other.commit([{ key: 'range', ...org, value: { low: 0 } }], 'ann'),
      () => other.set('range', { low: 1, high: 3 }, global, 'ann', undefined, { dryRun: true }),
    ];
    for (const call of calls) await expectRefusal(call(), 'schema_code_missing');
    expect(await revision()).toBe(before);
    expect((await other.set('range', { low: 1, high: 2 }, global, 'ann')).version).toBe(kept.version);
    expect(await other.get('range')).toEqual({ low: 1, high: 2 });
    await expectRefusal(service.set('range', { low: 3 }, org, 'ann'), 'validation_failed');

    expect((await other.registerSchema('range', range)).enforcedHere).toBe(true);
    expect(await revision()).toBe(before);
    await other.set('range', { low: 1, high: 3 }, global, 'ann');
    await expectRefusal(
      other.set('range', { low: 3 }, { ...org }, 'ann', undefined, { ifVersion: 'HEAD~5' }),
      'version_not_found',
    );
  });

  it('can say that a process without its code may write all the same', async () => {
    const { service, database } = await services.open();
    await service.registerSchema('range', range, { withoutCode: 'accept' });
    const other = services.on(database);
    await other.set('range', { low: 9, high: 3 }, global, 'ann');
    await expectRefusal(other.set('range', { low: 'a' }, org, 'ann'), 'validation_failed');
    await expectRefusal(service.set('range', { low: 9, high: 4 }, global, 'ann'), 'validation_failed');
  });

  it('whose successor was refused stays enforced by its own code', async () => {
    const { service } = await services.open();
    await service.registerSchema('range', range);
    await service.set('range', { low: 1, high: 2 }, global, 'ann');
    const stricter = range.refine(({ low }) => low > 5, { message: 'low must be above 5', path: ['low'] }).safeExtend({ low: z.number().min(5) }); // prettier-ignore
    await expectRefusal(service.registerSchema('range', stricter, { onInvalid: 'refuse' }), 'schema_breaks_values');
    expect(await service.getSchema('range')).toMatchObject({ enforcedHere: true });
    await service.set('range', { low: 1, high: 3 }, global, 'ann');
    await expectRefusal(service.set('range', { low: 4 }, global, 'ann'), 'validation_failed');
  });

  it('is enforced although a read that began before ends after its registration', async () => {
    const { service, database } = await services.open();
    await service.registerSchema('range', range);
    const registrations: Promise<unknown>[] = [];
    const slow: Database = {
      ...database,
      async query(text, parameters, name, options) {
        // The read has seen the definitions and asks for the locks: now the code is handed in.
        if (text.includes('FROM configuration_locks') && registrations.length === 0) {
          registrations.push(other.registerSchema('range', range));
          await Promise.all(registrations);
        }
        return database.query(text, parameters, name, options);
      },
    };
    const other = services.on(slow);
    await other.get('anything');
    expect(registrations).toHaveLength(1);
    expect(await other.getSchema('range')).toMatchObject({ enforcedHere: true });
    await other.set('range', { low: 1, high: 3 }, global, 'ann');
  });

  it('of a built-in key replaces its schema, and neither its impact nor its scopes', async () => {
    const { service } = await services.open();
    const mine = z.object({ maintenanceApproval: z.number().max(10) });
    const registered = await service.registerSchema('approval_thresholds', mine, {
      ...{ baseImpact: 'low', allowedScopes: ['global', 'org', 'team'], description: 'Mine' },
    });
    expect(registered).toMatchObject({
      ...{ baseImpact: 'critical', allowedScopes: ['global', 'org'], description: 'Mine' },
    });
    const version = await service.set('approval_thresholds', { maintenanceApproval: 5 }, org, 'ann');
    expect(version.impactLevel).toBe('critical');
    await expectRefusal(
      service.set('approval_thresholds', { maintenanceApproval: 50 }, org, 'ann'),
      'validation_failed',
    );
    await expectRefusal(
      service.set('approval_thresholds', { maintenanceApproval: 5 }, team, 'ann'),
      'scope_not_allowed',
    );
  });

  it('says at which scopes a key may be set', async () => {
    const { service, revision } = await services.open();
    const refusal = await expectRefusal(
      service.set('system_settings', { locale: 'de' }, org, 'ann'),
      'scope_not_allowed',
    );
    expect(refusal.message).toContain('system_settings cannot be set at scope org. Its definition allows: global');
    await service.set('mine', 1, team, 'ann');
    await service.registerSchema('mine', {}, { allowedScopes: ['org'] });
    await service.set('mine', 1, org, 'ann');
    const before = await revision();
    for (const scope of [global, team]) await expectRefusal(service.set('mine', 2, scope, 'ann'), 'scope_not_allowed');
    await expectRefusal(service.commit([{ key: 'mine', ...team, value: 3 }], 'ann'), 'scope_not_allowed');
    expect(await revision()).toBe(before);
    await service.delete('mine', team, 'ann');
    await expectRefusal(service.rollback('mine', 'HEAD~1', 'ann', 'back', { scope: team }), 'scope_not_allowed');
  });

  it('gives a change the impact of its key, less where it is a user’s own', async () => {
    const { service } = await services.open();
    const levelOf = async (key: string, value: unknown, scope: Parameters<typeof service.set>[2]): Promise<string> =>
      (await service.set(key, value, scope, 'ann')).impactLevel;
    const user = { scope: 'user', scopeId: 'u' } as const;
    expect(await levelOf('branding', { companyName: 'A' }, org)).toBe('low');
    expect(await levelOf('email_notifications', { dailyDigest: true }, org)).toBe('medium');
    expect(await levelOf('email_notifications', { dailyDigest: true }, user)).toBe('none');
    expect(await levelOf('pm_intervals', { lightDuty: 2000 }, user)).toBe('high');
    expect(await levelOf('system_settings', { locale: 'de' }, global)).toBe('critical');
    expect(await levelOf('anything', 1, global)).toBe('low');
  });

  it('of a built-in key for secrets cannot say that it holds none', async () => {
    const { service, revision } = await services.open();
    await service.registerSchema('api_keys', z.looseObject({}));
    const before = await revision();
    await expectRefusal(service.registerSchema('api_keys', {}, { sensitive: false }), 'invalid_argument');
    expect(await revision()).toBe(before);
  });

  it('that cannot be used is refused before anything is stored', async () => {
    const { service, revision } = await services.open();
    const unusable: readonly (readonly [unknown, string])[] = [
      [z.string().transform(Number), 'changes the value'],
      [z.object({ at: z.date() }), 'at'],
      [z.coerce.number(), 'coer'],
      [{ type: 'strin' }, 'type'],
      [{ pattern: '(?=a)', type: 'string' }, '(?='],
      [{ $ref: 'https://example.com/x.json' }, '$ref'],
      [{ propertis: {} }, 'properties'],
      [{ default: 1, type: 'string' }, 'default'],
      ['{}', 'object'],
      [null, 'object'],
      [undefined, ''],
      [5, 'object'],
    ];
    for (const [schema, told] of unusable) {
      const refusal = await expectRefusal(service.registerSchema('k', schema as JsonObject), 'invalid_schema');
      expect(refusal.message.toLowerCase()).toContain(told.toLowerCase());
    }
    const options = [{ merge: 'shallow' }, { baseImpact: 'huge' }, { allowedScopes: ['city'] }, { onInvalid: 'x' }, { withoutCode: 'x' }, { sensitive: 'yes' }]; // prettier-ignore
    for (const option of options)
      await expectRefusal(service.registerSchema('k', {}, option as object), 'invalid_argument');
    expect(await revision()).toBe(0);
  });

  it('can make layers replace each other', async () => {
    const { service } = await services.open();
    await service.set('k', { a: 1 }, global, 'ann');
    await service.set('k', { b: 2 }, org, 'ann');
    await service.get('k', org);
    await service.registerSchema('k', {}, { merge: 'replace' });
    expect(await service.get('k', org)).toEqual({ b: 2 });
    const { leaves } = await service.explain('k', org);
    expect(leaves.map(({ path, scope }) => [path, scope])).toEqual([['b', 'org']]);
  });

  it('checks a value without storing it', async () => {
    const { service, revision } = await services.open();
    await service.registerSchema('range', range);
    expect(await service.validateConfig('range', { low: 1, high: 2 })).toEqual({ valid: true, errors: [] });
    expect(await service.validateConfig('range', { low: 3, high: 2 })).toEqual({
      valid: false,
      errors: [{ path: 'low', message: 'low must not be above high' }],
    });
    expect(await service.validateConfig('without', { anything: [null] })).toEqual({ valid: true, errors: [] });
    expect(await revision()).toBe(1);
  });
});

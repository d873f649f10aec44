import { ConfigurationError } from '@strata/core';
import { expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { servicesOn } from '../../../test/services.ts';
import type { FlagContext } from './index.ts';

const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;
const checkout = { name: 'checkout', enabled: true };
const later = { timeout: 8000, interval: 10 };

describeDatabases('the evaluation of flags', (engine) => {
  const services = servicesOn(engine);

  it('answers for every name what the caller wants then, and throws for none', async () => {
    const { service } = await services.open();
    const names = [
      'none',
      'constructor',
      '__proto__',
      'toString',
      '',
      'a/b',
      'x'.repeat(10_000),
      7,
      null,
      {},
      Symbol('x'),
    ];
    for (const name of names as unknown[] as string[]) {
      expect(await service.evaluateFlag(name, {})).toBe(false);
      expect(await service.evaluateFlag(name, { userId: 'u' }, true)).toBe(true);
      expect(await service.evaluateFlagDetail(name, {}, 'fallback')).toMatchObject({
        value: 'fallback',
        reason: 'ERROR',
        errorCode: 'FLAG_NOT_FOUND',
      });
      expect((await service.explainFlag(name, {})).decidedBy).toBe('error');
    }
  });

  it('takes every context, and throws for none', async () => {
    const { service } = await services.open();
    await service.set('feature_flags', { ...checkout, rolloutPercentage: 50 }, global, 'ann');
    // With a layer at a user, contexts are looked at for where they are.
    for (const scope of [global, { scope: 'user', scopeId: 'other' } as const]) {
      await service.set('feature_flags', { ...checkout, rolloutPercentage: 40 }, scope, 'ann');
      for (const context of [
        7,
        'u',
        null,
        [],
        () => 'u',
        new Proxy({}, { get: () => refuse() }),
        { attributes: 'x' },
      ]) {
        const evaluation = await service.evaluateFlagDetail('checkout', context as FlagContext);
        expect([evaluation.on, evaluation.errorCode]).toEqual([
          false,
          context === null ? undefined : 'INVALID_CONTEXT',
        ]);
      }
      expect(await service.evaluateFlagDetail('checkout', { userId: 'x'.repeat(300) })).toMatchObject({
        reason: 'SPLIT',
      });
      expect(await service.evaluateFlagDetail('checkout', { userId: 'a\u0000b' })).toMatchObject({ reason: 'SPLIT' });
      expect(await service.evaluateFlagDetail('checkout')).toMatchObject({ on: false, reason: 'DEFAULT' });
    }
  });

  it('serves variants of any type, with the version of the layer that gives them', async () => {
    const { service } = await services.open();
    const variants = { on: { colour: 'red', sizes: [1, 2] }, off: null };
    const { version } = await service.set('feature_flags', { ...checkout, variants }, global, 'ann');
    const evaluation = await service.evaluateFlagDetail('checkout', { userId: 'u' });
    expect(evaluation).toMatchObject({ value: variants.on, variant: 'on', on: true, reason: 'STATIC', version });
    expect(Object.isFrozen(evaluation) && Object.isFrozen(evaluation.value)).toBe(true);
    expect(await service.evaluateFlag('checkout', { userId: 'u' })).toBe(true);
    const over = await service.toggleFlag('checkout', false, { scope: acme, actor: 'ann' });
    expect(await service.evaluateFlagDetail('checkout', { organizationId: 'acme' })).toMatchObject({
      value: null,
      on: false,
      reason: 'DISABLED',
      version: over.version,
    });
  });

  it('asks the database once, and follows what other processes write', async () => {
    const { service, database } = await services.open();
    let queries = 0;
    let isAway = false;
    const watched = interceptDatabase(database, ({ text }, run) => {
      if (isAway) throw new ConfigurationError('unavailable', { problem: 'it is away' });
      if (text.includes('feature_flags')) queries += 1;
      return run();
    });
    const other = services.on(watched, { pollInterval: 20 });
    await service.set('feature_flags', checkout, global, 'ann');
    for (let n = 0; n < 50; n += 1) expect(await other.evaluateFlag('checkout', { userId: String(n) })).toBe(true);
    expect(queries).toBe(1);
    const { revision } = await service.toggleFlag('checkout', false);
    await other.waitForRevision(revision);
    expect(await other.evaluateFlag('checkout', { userId: 'u' })).toBe(false);
    expect(queries).toBe(2);
    isAway = true;
    await service.toggleFlag('checkout', true);
    for (let n = 0; n < 50; n += 1) expect(await other.evaluateFlag('checkout', { userId: String(n) })).toBe(false);
    isAway = false;
    await expect.poll(() => other.evaluateFlag('checkout', { userId: 'u' }), later).toBe(true);
  });

  it('works without a cache of values', async () => {
    const { service, database } = await services.open();
    const other = services.on(database, { cacheEnabled: false, pollInterval: 20 });
    await service.set('feature_flags', checkout, global, 'ann');
    expect(await other.evaluateFlag('checkout', {})).toBe(true);
    await service.toggleFlag('checkout', false);
    await expect.poll(() => other.evaluateFlag('checkout', {}), later).toBe(false);
  });

  it('says so where flags could never be loaded', async () => {
    const { database } = await services.open();
    const away = services.on(
      interceptDatabase(database, () => {
        throw new ConfigurationError('unavailable', { problem: 'it is away' });
      }),
    );
    expect(await away.evaluateFlagDetail('checkout', {}, true)).toMatchObject({
      value: true,
      errorCode: 'PROVIDER_NOT_READY',
    });
    await expect(away.evaluateAll({})).rejects.toMatchObject({ code: 'unavailable' });
    const { service } = await services.open();
    await service.close();
    expect(await service.evaluateFlagDetail('checkout', {}, 1)).toMatchObject({
      value: 1,
      errorCode: 'PROVIDER_NOT_READY',
    });
  });

  it('goes on with the last definition that it understood', async () => {
    const { service, database } = await services.open();
    const onWarning = vi.fn();
    const other = services.on(database, { pollInterval: 20, onWarning });
    const { revision } = await service.set('feature_flags', checkout, global, 'ann');
    expect(await other.evaluateFlag('checkout', {})).toBe(true);
    // As a newer version of Strata may write it.
    const newer = JSON.stringify({ ...checkout, enabled: false, moods: ['good'] });
    await database.query('UPDATE configuration_settings SET value = $1::json, revision = $2::bigint', [
      newer,
      revision + 1,
    ]);
    const { revision: next } = await service.set('feature_flags', { name: 'search', enabled: true }, global, 'ann');
    expect(next).toBe(revision + 1);
    await other.waitForRevision(next);
    expect(await other.evaluateFlag('search', {})).toBe(true);
    expect(await other.evaluateFlag('checkout', {})).toBe(true);
    expect(onWarning).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ message: expect.stringContaining('moods is unknown') as string }),
    );
    // Who never understood it has no older one to go on with.
    const third = services.on(database, { onWarning });
    expect(await third.evaluateFlagDetail('checkout', {}, true)).toMatchObject({
      value: true,
      errorCode: 'PARSE_ERROR',
    });
  });

  it('names the layer and the rule that decided, and the condition that failed', async () => {
    const { service } = await services.open();
    const rule = (id: string, value: string) => ({
      id,
      conditions: [{ attribute: 'role', operator: 'equals', value }],
    });
    const first = await service.set(
      'feature_flags',
      { ...checkout, rolloutPercentage: 25, rules: [rule('staff', 'staff')] },
      global,
      'ann',
    );
    const over = await service.set(
      'feature_flags/checkout',
      { rules: [rule('staff', 'staff'), rule('drivers', 'driver')] },
      acme,
      'ann',
    );
    const explained = await service.explainFlag('checkout', {
      userId: 'u',
      organizationId: 'acme',
      attributes: { role: 'driver' },
    });
    expect(explained).toMatchObject({
      name: 'checkout',
      evaluation: { on: true, ruleId: 'drivers', reason: 'TARGETING_MATCH' },
      decidedBy: 'rule',
      origin: { path: 'rules[1]', scope: 'org', scopeId: 'acme', version: over.version },
      layers: [
        {
          scope: 'global',
          scopeId: null,
          version: first.version,
          parts: ['name', 'enabled', 'rolloutPercentage', 'rules'],
        },
        { scope: 'org', scopeId: 'acme', version: over.version, parts: ['rules'] },
      ],
      chain: [
        { scope: 'global', scopeId: null },
        { scope: 'org', scopeId: 'acme' },
        { scope: 'user', scopeId: 'u' },
      ],
      rules: [
        { id: 'staff', matches: false },
        { id: 'drivers', matches: true },
      ],
    });
    const left = await service.explainFlag('checkout', { userId: 'u', attributes: { role: 'driver' } });
    expect(left).toMatchObject({
      decidedBy: 'rollout',
      origin: { path: 'rolloutPercentage', scope: 'global', version: first.version },
      failed: { path: 'rules[0].conditions[0]', actual: 'driver', holds: false },
      bucket: { unit: 'u', rolloutPercentage: 25, bucket: expect.any(Number) as number },
    });
    const options = { at: new Date() };
    const leaves = (await service.explain('feature_flags/checkout', acme, options)).leaves;
    expect(leaves.find(({ path }) => path === 'rules')).toMatchObject({ scope: 'org', version: over.version });
  });

  it('is for whom may read the flag, and changes are for whom has the permission flags', async () => {
    const { service } = await services.open();
    await service.set('feature_flags', { checkout, search: { enabled: true } }, global, 'ann');
    await service.setRole({ name: 'releaser', permissions: ['read', 'flags'] }, 'system');
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'system');
    await service.bindRole({ subject: { user: 'rita' }, role: 'releaser', ...acme, keys: 'feature_flags' }, 'root');
    await service.bindRole({ subject: { user: 'vic' }, role: 'viewer', ...acme, keys: 'feature_flags/search' }, 'root');
    const [rita, vic] = [service.as('rita'), service.as('vic')];
    const at = { organizationId: 'acme', userId: 'whoever' };
    expect(await rita.evaluateFlag('checkout', at)).toBe(true);
    expect(await vic.evaluateFlag('search', at)).toBe(true);
    // Whether there is such a flag is not told.
    for (const name of ['checkout', 'none']) {
      const { value, errorCode, errorMessage } = await vic.evaluateFlagDetail(name, at, 'x');
      expect([value, errorCode]).toEqual(['x', 'GENERAL']);
      expect(errorMessage).toContain(`vic does not have the permission read for feature_flags/${name} at org acme`);
    }
    expect([...(await rita.evaluateAll(at)).keys()]).toEqual(['checkout', 'search']);
    expect([...(await vic.evaluateAll(at)).keys()]).toEqual(['search']);
    await expect(vic.evaluateAll({})).rejects.toMatchObject({ code: 'not_permitted' });
    expect((await vic.listFlags({ scope: acme })).map(({ name }) => name)).toEqual(['search']);
    expect(await vic.get('feature_flags', acme)).toEqual({ search: { name: 'search', enabled: true } });
    await expect(vic.getFlag('checkout', acme)).rejects.toMatchObject({ code: 'not_permitted' });
    await rita.toggleFlag('checkout', false, { scope: acme });
    expect(await rita.evaluateFlag('checkout', at)).toBe(false);
    await expect(rita.toggleFlag('checkout', false)).rejects.toMatchObject({ code: 'not_permitted' });
    for (const change of [
      () => vic.toggleFlag('search', false, { scope: acme }),
      () => vic.set('feature_flags', { name: 'search', enabled: false }, acme, 'vic'),
      () => vic.delete('feature_flags', acme, 'vic'),
      () => service.delete('feature_flags', acme, 'vic'),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'not_permitted', details: { action: 'flags' } });
    }
  });

  it('changes only with the approvals that a policy asks for', async () => {
    const { service } = await services.open();
    await service.setPolicy({ name: 'flags', keys: ['feature_flags/*'], minimumApprovals: 1 }, 'ann');
    await service.set('feature_flags', checkout, global, 'ann');
    const refusal: unknown = await service
      .toggleFlag('checkout', false, { actor: 'ann', comment: 'Too slow' })
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'approval_required' });
    expect(await service.evaluateFlag('checkout', {})).toBe(true);
    const { requestId } = refusal as { requestId: string };
    await service.approveChange(requestId, 'bob');
    expect(await service.evaluateFlag('checkout', {})).toBe(false);
    const options = { actor: 'ann', comment: 'Again', idempotencyKey: 'once' };
    await expect(service.archiveFlag('checkout', options)).rejects.toMatchObject({ code: 'approval_required' });
  });

  it('is guarded by what is said of all flags under their common key', async () => {
    const { service } = await services.open();
    await service.set('feature_flags', checkout, global, 'ann');
    const policy = await service.setPolicy({ name: 'flags', keys: ['feature_flags'], minimumApprovals: 1 }, 'ann');
    expect(policy.keys).toEqual(['feature_flags/*']);
    await expect(service.toggleFlag('checkout')).rejects.toMatchObject({ code: 'approval_required' });
    const refusal = { code: 'invalid_argument' };
    await expect(service.lockConfig('feature_flags', global, {}, 'ann')).rejects.toMatchObject(refusal);
    for (const key of ['feature_flags', 'feature_flags/checkout']) {
      await expect(service.registerSchema(key, { type: 'object' })).rejects.toMatchObject(refusal);
      expect(await service.validateConfig(key, checkout)).toEqual({ valid: true, errors: [] });
      const { errors } = await service.validateConfig(key, { ...checkout, rolloutPercentage: 101 });
      expect(errors).toMatchObject([{ path: 'rolloutPercentage' }]);
    }
  });

  it('and a repeated or conditional change counts once', async () => {
    const { service } = await services.open();
    const seen = await service.set('feature_flags', checkout, global, 'ann');
    const once = { idempotencyKey: 'once', actor: 'ann' };
    const first = await service.toggleFlag('checkout', undefined, once);
    expect(first.value).toMatchObject({ enabled: false });
    expect(await service.toggleFlag('checkout', undefined, once)).toEqual(first);
    expect(await service.evaluateFlag('checkout', {})).toBe(false);
    const stale = service.setFlagRollout('checkout', 5, { ifVersion: seen.version });
    await expect(stale).rejects.toMatchObject({ code: 'conflict' });
    await service.setFlagRollout('checkout', 5, { ifVersion: first.version });
    const preview = await service.setFlagRollout('checkout', 7, { dryRun: true });
    expect(preview.diff).toEqual([{ path: 'rolloutPercentage', operation: 'modify', oldValue: 5, newValue: 7 }]);
  });
});

function refuse(): never {
  throw new Error('nothing to read here');
}

/** Owns the proof of imports: what they write, what they skip, what they refuse, and that they pass the same gates as any write. */
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const other = { scope: 'org', scopeId: 'other' } as const;
const team = { scope: 'team', scopeId: 't' } as const;

describeDatabases('an import', (engine) => {
  const services = servicesOn(engine);

  it('puts back what was exported, and changes nothing the second time', async () => {
    const { service, revision } = await services.open();
    await service.set('inherited', 1, global, 'ann');
    await service.set('a', { x: 1 }, org, 'ann');
    await service.set('b', 'old', org, 'ann', undefined, { expiresAt: '2126-01-01T00:00:00Z' });
    await service.set('late', 1, global, 'ann');
    for (const format of ['json', 'yaml', 'env'] as const) {
      const text = await service.exportConfig(org, format);
      await service.set('a', { x: 2 }, org, 'bob');
      await service.set('b', 'new', org, 'bob');
      expect(await service.importConfig(text, format, 'cy')).toMatchObject({ imported: 2, failed: 0, skipped: 0 });
      expect(await service.getLayer('b', org)).toMatchObject({
        value: 'old',
        changedBy: 'cy',
        comment: expect.stringMatching(/^Imported from an export of default at revision \d+$/) as string,
        expiresAt: new Date('2126-01-01T00:00:00Z'),
      });
      const before = await revision();
      const again = await service.importConfig(text, format, 'cy', org);
      expect(again).toEqual({ imported: 0, failed: 0, skipped: 2, errors: [], pendingApproval: [], revision: null });
      expect(await revision()).toBe(before);
      expect(await service.getLayer('inherited', org)).toBeNull();
    }
  });

  it('goes to another scope, and a subtree to its own scopes', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...team, parent: org });
    await service.set('a', 1, org, 'ann');
    const one = await service.exportConfig(org);
    expect(await service.importConfig(one, 'json', 'ann', other)).toMatchObject({ imported: 1 });
    expect(await service.getLayer('a', other)).toMatchObject({ value: 1 });
    await service.set('a', 2, team, 'ann');
    const both = await service.exportConfig(org, 'json', { subtree: true });
    await expectRefusal(service.importConfig(both, 'json', 'ann', other), 'invalid_argument');
    await service.set('a', 3, team, 'ann');
    expect(await service.importConfig(both, 'json', 'ann')).toMatchObject({ imported: 1, skipped: 1 });
    expect(await service.getLayer('a', team)).toMatchObject({ value: 2 });
  });

  it('takes plain keys and values, to the scope given or to global', async () => {
    const { service } = await services.open();
    expect(await service.importConfig('{"a": {"x": 1}, "b/c": null}', 'json', 'ann')).toMatchObject({ imported: 2 });
    expect(await service.get('a')).toEqual({ x: 1 });
    const yaml = 'a: {x: 2}\ncountry: no\nday: 2026-01-02\nport: "8080"\n';
    expect(await service.importConfig(yaml, 'yaml', 'ann', org)).toMatchObject({ imported: 4 });
    expect(Object.fromEntries(await service.getAll(org))).toMatchObject({
      ...{ a: { x: 2 }, country: 'no', day: '2026-01-02', port: '8080' },
    });
    const env =
      '# of ours\nexport PORT=8080\nDEBUG=true\nZIP=01234\nID=12345678901234567890 # long\nNAME="it\'s $HOME"\n';
    expect(await service.importConfig(env, 'env', 'ann', other)).toMatchObject({ imported: 5 });
    expect(Object.fromEntries(await service.getAll(other))).toMatchObject({
      ...{ PORT: 8080, DEBUG: true, ZIP: '01234', ID: '12345678901234567890', NAME: "it's $HOME" },
    });
  });

  it('refuses single keys, and writes the others', async () => {
    const { service } = await services.open();
    await service.registerSchema('size', { type: 'integer', maximum: 10 });
    await service.lockConfig('held', global, {}, 'ann');
    const values = { a: 1, size: 11, held: 2, 'no key': 3, api_keys: 'x', system_settings: {}, z: 4 };
    const result = await service.importConfig(JSON.stringify(values), 'json', 'ann', org);
    expect(result).toMatchObject({ imported: 3, failed: 4, skipped: 0 });
    expect(result.errors.map(({ key, code }) => `${key} ${code}`).sort()).toEqual([
      'held locked',
      'no key invalid_key',
      'size validation_failed',
      'system_settings scope_not_allowed',
    ]);
    expect(result.errors.find(({ key }) => key === 'size')).toMatchObject({
      ...org,
      error: expect.stringMatching(/^Validation failed: /) as string,
    });
    expect([...(await service.getAll(org)).keys()]).toEqual(['a', 'api_keys', 'z']);
  });

  it('that is atomic writes all or nothing, as one commit', async () => {
    const { service, revision } = await services.open();
    await service.registerSchema('size', { type: 'integer', maximum: 10 });
    const before = await revision();
    const refused = await service.importConfig('{"a": 1, "size": 11, "b": 2}', 'json', 'ann', org, { atomic: true });
    expect(refused).toMatchObject({ imported: 0, failed: 1, errors: [{ key: 'size', code: 'validation_failed' }] });
    expect(await revision()).toBe(before);
    const written = await service.importConfig('{"a": 1, "size": 9, "b": 2}', 'json', 'ann', org, { atomic: true });
    expect(written).toMatchObject({ imported: 3, failed: 0, revision: before + 1 });
    expect(await revision()).toBe(before + 1);
  });

  it('makes one change request of the keys that need approvals', async () => {
    const { service, revision } = await services.open();
    await service.set('approval_thresholds', { budgetVariance: 1 }, org, 'ann');
    await service.set('approval_thresholds', { budgetVariance: 1 }, other, 'ann');
    await service.set('motto', 'a', org, 'ann');
    const text = await service.exportConfig(global, 'json', { subtree: true });
    const changed = text.replaceAll('"budgetVariance": 1', '"budgetVariance": 2').replace('"a"', '"b"');
    const options = { verify: false } as const;
    const result = await service.importConfig(changed, 'json', 'bob', undefined, options);
    expect(result).toMatchObject({ imported: 1, failed: 0, skipped: 0 });
    const [first] = result.pendingApproval;
    const requestId = first?.requestId ?? '';
    expect(result.pendingApproval).toEqual([
      { key: 'approval_thresholds', ...org, requestId },
      { key: 'approval_thresholds', ...other, requestId },
    ]);
    expect(await service.getChangeRequest(requestId)).toMatchObject({
      status: 'pending',
      requestedBy: 'bob',
      changes: [{}, {}],
    });
    const before = await revision();
    const again = await service.importConfig(changed, 'json', 'bob', undefined, options);
    expect(again).toEqual({ ...result, imported: 0, skipped: 1, revision: null });
    expect(await revision()).toBe(before);
    const dry = await service.importConfig(changed, 'json', 'bob', undefined, { ...options, dryRun: true });
    expect(dry).toMatchObject({ imported: 0, pendingApproval: [{ requestId: null }, { requestId: null }] });
    await service.approveChange(requestId, 'cy');
    await service.approveChange(requestId, 'dan');
    expect(await service.importConfig(changed, 'json', 'bob', undefined, options)).toMatchObject({ skipped: 3 });
  });

  it('that is atomic with one protected key waits as a whole', async () => {
    const { service } = await services.open();
    await service.set('approval_thresholds', { budgetVariance: 1 }, org, 'ann');
    const result = await service.importConfig(
      '{"approval_thresholds": {"budgetVariance": 2}, "a": 1}',
      'json',
      'bob',
      org,
      { atomic: true },
    );
    expect(result).toMatchObject({ imported: 0, pendingApproval: [{ key: 'approval_thresholds' }, { key: 'a' }] });
    expect(new Set(result.pendingApproval.map(({ requestId }) => requestId)).size).toBe(1);
    expect(await service.get('a', org)).toBeNull();
  });

  it('that is dry tells what would change, leaf by leaf, and changes nothing', async () => {
    const { service, revision } = await services.open();
    await service.set('a', { x: 1, y: 1 }, org, 'ann');
    await service.set('gone', 1, org, 'ann');
    const before = await revision();
    const result = await service.importConfig('{"a": {"x": 2, "y": 1}, "b": 1}', 'json', 'ann', org, {
      dryRun: true,
      mode: 'replace',
    });
    expect(result).toMatchObject({ imported: 3, failed: 0, skipped: 0, revision: null });
    expect(result.changes).toEqual([
      {
        key: 'a',
        ...org,
        requiresApproval: false,
        diff: [{ path: 'x', operation: 'modify', oldValue: 1, newValue: 2 }],
      },
      { key: 'b', ...org, requiresApproval: false, diff: [{ path: '$', operation: 'add', newValue: 1 }] },
      { key: 'gone', ...org, requiresApproval: false, diff: [{ path: '$', operation: 'delete', oldValue: 1 }] },
    ]);
    expect(await revision()).toBe(before);
  });

  it('that replaces leaves nothing else at the scopes of the document, and asks before it leaves nothing at all', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...team, parent: org });
    await service.set('a', 1, org, 'ann');
    const text = await service.exportConfig(org, 'json', { subtree: true });
    await service.set('b', 1, org, 'ann');
    await service.set('c', 1, team, 'ann');
    await service.set('d', 1, other, 'ann');
    expect(await service.importConfig(text, 'json', 'ann', undefined, { mode: 'replace' })).toMatchObject({
      imported: 2,
      skipped: 1,
    });
    expect([await service.get('b', org), await service.get('c', team), await service.get('d', other)]).toEqual([
      null,
      null,
      1,
    ]);
    const refusal = await expectRefusal(
      service.importConfig('{}', 'json', 'ann', other, { mode: 'replace' }),
      'replaces_everything',
    );
    expect(refusal.details).toMatchObject({ scope: 'org other', count: 1 });
    expect(await service.importConfig('{}', 'json', 'ann', other, { mode: 'replace', force: true })).toMatchObject({
      imported: 1,
    });
  });

  it('removes what a document marks as deleted', async () => {
    const { service } = await services.open();
    await service.set('a', 1, org, 'ann');
    await service.delete('a', org, 'ann');
    const text = await service.exportConfig(org, 'json', { deleted: true });
    await service.set('a', 2, org, 'ann');
    expect(await service.importConfig(text, 'json', 'ann')).toMatchObject({ imported: 1 });
    expect(await service.importConfig(text, 'json', 'ann')).toMatchObject({ imported: 0, skipped: 1 });
    expect(await service.importConfig(text, 'json', 'ann', other)).toMatchObject({ imported: 0, skipped: 1 });
    expect(await service.getLayer('a', org)).toBeNull();
  });

  it('leaves out what has expired since', async () => {
    const { service } = await services.open();
    const setting = { key: 'a', ...org, value: 1, expiresAt: '2020-01-01T00:00:00.000Z' };
    const text = JSON.stringify({ format: 'strata-export', formatVersion: 1, ...org, settings: [setting] });
    expect(await service.importConfig(text, 'json', 'ann', undefined, { verify: false })).toMatchObject({
      imported: 0,
      skipped: 1,
    });
  });

  it('writes only where the actor may, and tells of the rest', async () => {
    const { service } = await services.open();
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'root');
    await service.bindRole({ subject: { user: 'ann' }, role: 'editor', ...org, keys: 'ui/*' }, 'root');
    const result = await service.importConfig('{"ui/a": 1, "b": 2}', 'json', 'ann', org);
    expect(result).toMatchObject({ imported: 1, failed: 1, errors: [{ key: 'b', code: 'not_permitted' }] });
    await service.set('hidden', 1, org, 'root');
    expect(await service.importConfig('{"ui/a": 1}', 'json', 'ann', org, { mode: 'replace' })).toMatchObject({
      failed: 0,
      skipped: 1,
    });
    await expectRefusal(service.importConfig('{"ui/a": 2}', 'json', 'zoe', org), 'not_permitted');
    await expectRefusal(service.importConfig('not even json', 'json', 'zoe', org), 'not_permitted');
  });

  it('has what is inherited before what relies on it, and tells how far it has come', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...team, parent: org });
    await service.registerSchema('pair', {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'integer' } },
      required: ['a', 'b'],
    });
    const settings = [
      { key: 'pair', ...team, value: { b: 2 } },
      { key: 'pair', ...org, value: { a: 1, b: 1 } },
    ];
    const text = JSON.stringify({ format: 'strata-export', formatVersion: 1, ...global, subtree: true, settings });
    const seen: unknown[] = [];
    const options = { verify: false, onProgress: (progress: unknown) => seen.push(progress) } as const;
    expect(await service.importConfig(text, 'json', 'ann', undefined, options)).toMatchObject({
      imported: 2,
      failed: 0,
    });
    expect(seen).toEqual([{ done: 2, total: 2 }]);
    await expectRefusal(service.importConfig('{}', 'json', 'ann', org, { mode: 'add' as 'merge' }), 'invalid_argument');
    await expectRefusal(service.importConfig('{}', 'json', 'ann', org, { drynun: true } as object), 'invalid_argument');
    await expectRefusal(service.importConfig(1 as unknown as string, 'json', 'ann', org), 'invalid_argument');
  });
});

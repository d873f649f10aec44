/** Owns the proof that secrets stay secret: in the store, in everything that is shown of them, and for whoever may not have them. */
import type { ConfigChange } from '@strata/core';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../../test/databases.ts';
import { expectRefusal } from '../../../../test/expectations.ts';
import { interceptDatabase } from '../../../../test/intercepted-database.ts';
import { servicesOn } from '../../../../test/services.ts';
import type { Database } from '../db/database.ts';
import type { ConfigurationManagementService } from '../configuration-management-service.ts';
import { newKey, parseKeyRing } from './key-ring.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'acme' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;
const mask = { $masked: true };
const encryptionKey = newKey();

/** Every text of every row of Strata, but the audit rows' times. */
async function everythingIn(database: Database): Promise<string> {
  const tables = await database.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class AS c
    WHERE c.relkind = 'r' AND c.relname LIKE 'configuration_%' AND pg_table_is_visible(c.oid)`,
  );
  const rows = await Promise.all(tables.map(({ name }) => database.query(`SELECT t::text AS text FROM ${name} AS t`)));
  return JSON.stringify(rows);
}

const connection = z.object({
  host: z.string(),
  password: z.string().min(3).max(200).meta({ sensitive: true }),
  options: z.object({ token: z.string().meta({ sensitive: true }).optional(), retries: z.number().optional() }).optional(),
}); // prettier-ignore

describeDatabases('secrets', (engine) => {
  const services = servicesOn(engine);
  const open = () => services.open({ encryptionKey });

  it('are set and got as the contract says, and stand nowhere in the store', async () => {
    const { service, database } = await open();
    const sensitiveKeys = ['api_keys', 'secrets', 'credentials', 'tokens', 'passwords'];
    for (const key of sensitiveKeys) {
      const value = { stripe: `sk_live_${key}`, twilio: 'xxx' };
      const set = await service.set(key, value, global, 'ann', 'Keys of the payment provider');
      expect(set.value).toEqual(mask);
      expect(await service.get(key)).toEqual(value);
      expect(await service.get(key)).toEqual(value);
    }
    const stored = await everythingIn(database);
    expect(stored).not.toContain('sk_live_');
    expect(stored).not.toContain('twilio');
    const again = services.on(database, { encryptionKey });
    expect(await again.get('api_keys')).toEqual({ stripe: 'sk_live_api_keys', twilio: 'xxx' });
    expect(await again.get('api_keys', user)).toMatchObject({ stripe: 'sk_live_api_keys' });
  });

  it('inherit and merge like other values', async () => {
    const { service } = await open();
    await service.set('api_keys', { stripe: 's1', twilio: 't1', gone: 'g' }, global, 'ann');
    await service.set('api_keys', { stripe: 's2', gone: { $unset: true } }, org, 'ann');
    expect(await service.get('api_keys', org)).toEqual({ stripe: 's2', twilio: 't1' });
    await service.delete('api_keys', org, 'ann');
    expect(await service.get('api_keys', org)).toEqual({ stripe: 's1', twilio: 't1', gone: 'g' });
    await service.set('api_keys', { $unset: true }, org, 'ann');
    expect(await service.get('api_keys', org)).toBeNull();
  });

  it('that are parts of a value leave the rest readable, and are told to be others', async () => {
    const { service } = await open();
    await service.registerSchema('db', connection);
    const first = await service.set(
      'db',
      { host: 'one', password: 'p4ss-1', options: { token: 'tok-1' } },
      global,
      'ann',
    );
    expect(first.value).toEqual({ host: 'one', password: mask, options: { token: mask } });
    const second = await service.set(
      'db',
      { host: 'two', password: 'p4ss-1', options: { token: 'tok-2' } },
      global,
      'bob',
    );
    expect(await service.getDiff('db', first.version, second.version)).toEqual([
      { path: 'host', operation: 'modify', oldValue: 'one', newValue: 'two' },
      { path: 'options.token', operation: 'modify', oldValue: mask, newValue: mask },
    ]);
    const blamed = await service.blame('db');
    expect(blamed.map(({ path, value, changedBy }) => [path, value, changedBy])).toEqual([
      ['host', 'two', 'bob'],
      ['password', mask, 'ann'],
      ['options.token', mask, 'bob'],
    ]);
    await service.set('db', { password: 'p4ss-acme' }, org, 'cleo');
    const { value, leaves } = await service.explain('db', org);
    expect(value).toEqual({ host: 'two', password: mask, options: { token: mask } });
    expect(leaves.find(({ path }) => path === 'password')).toMatchObject({
      value: mask,
      scope: 'org',
      changedBy: 'cleo',
      candidates: [
        { scope: 'global', value: mask },
        { scope: 'org', value: mask },
      ],
    });
    expect(await service.get('db', org)).toEqual({ host: 'two', password: 'p4ss-acme', options: { token: 'tok-2' } });
    const past = await service.explain('db', global, { at: first.changedAt });
    expect(JSON.stringify(past)).not.toMatch(/p4ss|tok-/);
  });

  it('make no version where they are the same, and another text each time where they are set', async () => {
    const { service, database } = await open();
    const first = await service.set('tokens', { a: 'same' }, global, 'ann');
    expect((await service.set('tokens', { a: 'same' }, global, 'ann')).version).toBe(first.version);
    await service.set('tokens', { a: 'other' }, global, 'ann');
    await service.set('tokens', { a: 'same' }, global, 'ann');
    const rows = await database.query<{ value: string; hash: string }>(
      'SELECT value, hash FROM configuration_versions',
    );
    expect(rows).toHaveLength(3);
    expect(new Set(rows.map(({ value }) => value)).size).toBe(3);
    const digests = await database.query<{ digest: string }>(
      'SELECT request_digest AS digest FROM configuration_commits',
    );
    for (const { digest } of digests) expect(digest).toMatch(/^k[0-9a-f]{64}$/);
    for (const { value } of rows)
      expect(value).toMatch(/^\{"\$sealed":"1\.[0-9a-f]{16}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+"\}$/);
  });

  it('come back by rollback, restore, revert and from a request that was approved', async () => {
    const { service, database } = await open();
    await service.registerSchema('db', connection);
    const first = await service.set('db', { host: 'a', password: 'p4ss-1' }, global, 'ann');
    const second = await service.set('db', { host: 'b', password: 'p4ss-2' }, global, 'ann');
    await service.rollback('db', first.version, 'ann', 'back');
    expect(await service.get('db')).toEqual({ host: 'a', password: 'p4ss-1' });
    await service.restore({ revision: second.revision }, global, 'ann');
    expect(await service.get('db')).toEqual({ host: 'b', password: 'p4ss-2' });
    const { commit } = await service.set('db', { host: 'b', password: 'p4ss-3' }, global, 'ann');
    await service.set('db', { host: 'c', password: 'p4ss-3' }, global, 'ann');
    const would = await service.revert(commit, 'ann', 'wrong password', { dryRun: true });
    expect(would.changes[0]?.diff).toEqual([{ path: 'password', operation: 'modify', oldValue: mask, newValue: mask }]);
    await service.revert(commit, 'ann', 'wrong password');
    expect(await service.get('db')).toEqual({ host: 'c', password: 'p4ss-2' });
    const request = await service.requestChange({
      key: 'db', scope: 'global', proposedValue: { host: 'c', password: 'p4ss-4' }, requestedBy: 'ann', justification: 'x',
    }); // prettier-ignore
    expect(request).toMatchObject({
      currentValue: { host: 'c', password: mask },
      proposedValue: { host: 'c', password: mask },
    });
    expect(request.changes[0]?.diff).toEqual([
      { path: 'password', operation: 'modify', oldValue: mask, newValue: mask },
    ]);
    expect(await everythingIn(database)).not.toContain('p4ss');
    const edited = await service.editChange(request.id, { proposedValue: { host: 'd', password: 'p4ss-5' } }, 'ann');
    expect(edited.changes[0]?.diff).toHaveLength(2);
    await service.scheduleChange(request.id, null, 'ann');
    expect(JSON.stringify(await service.getPendingChanges('bob'))).not.toContain('p4ss');
    const other = services.on(database, { encryptionKey });
    await other.approveChange(request.id, 'bob', 'ok', { edition: 3 });
    expect(await service.getHistory('db', 1)).toMatchObject([{ value: { host: 'd', password: mask } }]);
    await vi.waitFor(async () => expect(await other.get('db')).toEqual({ host: 'd', password: 'p4ss-5' }));
    expect(await everythingIn(database)).not.toContain('p4ss');
  });

  it('are known when the same call is repeated, and by nobody who only has the database', async () => {
    const { service, database } = await open();
    const options = { idempotencyKey: 'once' };
    const first = await service.set('tokens', { a: 'v1' }, global, 'ann', 'x', options);
    const other = services.on(database, { encryptionKey });
    expect((await other.set('tokens', { a: 'v1' }, global, 'ann', 'x', options)).version).toBe(first.version);
    await expectRefusal(other.set('tokens', { a: 'v2' }, global, 'ann', 'x', options), 'idempotency_conflict');
    const proposal = { key: 'tokens', scope: 'global', proposedValue: { a: 'v3' }, requestedBy: 'ann', justification: 'x' } as const; // prettier-ignore
    const [one, two] = [await service.requestChange(proposal), await other.requestChange(proposal)];
    expect(two.id).toBe(one.id);
  });

  it('are masked in what is watched, in exports, dry runs, conflicts and refusals', async () => {
    const { service } = await open();
    await service.registerSchema('db', connection);
    const seen: ConfigChange[][] = [];
    const effective: ConfigChange[][] = [];
    await service.watchConfig('*', (changes) => void seen.push([...changes]));
    await service.watchConfig('db', (changes) => void effective.push([...changes]), { scope: org });
    const { version } = await service.set('db', { host: 'a', password: 'p4ss-1' }, global, 'ann');
    await service.set('db', { host: 'a', password: 'p4ss-2' }, global, 'ann');
    await vi.waitFor(() => expect([seen.length, effective.length]).toEqual([2, 2]));
    for (const changes of [seen[1], effective[1]])
      expect(changes).toMatchObject([{ key: 'db', oldValue: { host: 'a', password: mask }, newValue: { host: 'a', password: mask } }]); // prettier-ignore
    const told = [
      JSON.stringify([seen, effective]),
      await service.exportConfig(global),
      JSON.stringify(await service.set('db', { host: 'b', password: 'p4ss-3' }, global, 'ann', 'x', { dryRun: true })),
    ];
    const conflict = await expectRefusal(
      service.set('db', { host: 'a', password: 'p4ss-4' }, global, 'ann', 'x', { ifVersion: version }),
      'conflict',
    );
    const invalid = await expectRefusal(
      service.set('db', { host: 1, password: 'p4' }, global, 'ann'),
      'validation_failed',
    );
    for (const error of [conflict, invalid]) told.push(error.message, JSON.stringify(error.details));
    for (const text of told) expect(text).not.toMatch(/p4ss|"p4"/);
  });

  it('are handed out to whoever may have them only, with a row of the audit log before, one a minute', async () => {
    const { service, database } = await open();
    await service.set('api_keys', { stripe: 'sk' }, global, 'ann');
    await service.registerSchema('db', connection);
    await service.set('db', { host: 'h', password: 'p4ss-1' }, global, 'ann');
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', scope: 'global' }, 'root');
    await service.bindRole({ subject: { user: 'vera' }, role: 'viewer', scope: 'global' }, 'root');
    const vera = service.as({ id: 'vera' });
    const error = await expectRefusal(vera.get('api_keys'), 'not_permitted');
    expect(error.message).toContain('read-sensitive');
    await expectRefusal(vera.getBatch(['db']), 'not_permitted');
    expect(vera.peek('db')).toBeUndefined();
    expect((await vera.read('db', global, { secrets: 'mask' })).value).toEqual({ host: 'h', password: mask });
    expect(Object.fromEntries(await vera.getAll())).toEqual({ api_keys: mask, db: { host: 'h', password: mask } });
    const root = service.as({ id: 'root' });
    const second = services.on(database, { encryptionKey }).as({ id: 'root' });
    for (const reader of [root, root, second]) expect(await reader.get('api_keys')).toEqual({ stripe: 'sk' });
    expect((await root.read('api_keys', global, { reason: 'incident 7' })).value).toEqual({ stripe: 'sk' });
    expect(root.peek('api_keys')).toBeUndefined();
    expect(Object.fromEntries(await root.getAll())).toMatchObject({ db: { password: 'p4ss-1' } });
    const rows = await database.query(
      `SELECT DISTINCT config_key, user_id, success FROM configuration_audit_log WHERE operation IN ('reveal', 'read-sensitive') ORDER BY 1, 2`,
    );
    expect(rows).toEqual([
      { config_key: 'api_keys', user_id: 'root', success: true },
      { config_key: 'api_keys', user_id: 'vera', success: false },
      { config_key: 'db', user_id: 'root', success: true },
      { config_key: 'db', user_id: 'vera', success: false },
    ]);
    const [{ count } = { count: 0 }] = await database.query<{ count: number }>(
      "SELECT count(*) AS count FROM configuration_audit_log WHERE operation = 'reveal' AND config_key = 'api_keys'",
    );
    // Two, where a minute ended meanwhile.
    expect([1, 2]).toContain(count);
  });

  it('are not handed out where that cannot be recorded, also from memory', async () => {
    const { database } = await engine.open();
    let isAway = false;
    const failing = interceptDatabase(database, ({ text }, run) =>
      isAway && text.includes('configuration_audit_log') ? Promise.reject(new Error('away')) : run(),
    );
    const service = services.on(failing, { encryptionKey });
    await service.set('tokens', { a: 'v' }, global, 'ann');
    await service.as({ id: 'one' }).get('tokens');
    isAway = true;
    await expect(service.as({ id: 'two' }).get('tokens')).rejects.toThrow('away');
    await expect(service.as({ id: 'two' }).getBatch(['tokens'])).rejects.toThrow('away');
  });

  it('cannot be written as what they are stored or shown as', async () => {
    const { service } = await open();
    for (const value of [{ $sealed: '1.a.b.c' }, { a: [{ $masked: true }] }, { $masked: true }]) {
      await expectRefusal(service.set('tokens', value, global, 'ann'), 'invalid_value');
      await expectRefusal(service.set('plain', value, global, 'ann'), 'invalid_value');
      await expectRefusal(service.commit([{ key: 'plain', ...global, value }], 'ann'), 'invalid_value');
    }
  });

  it('stay secrets when their schema is replaced, unless that is said, which takes approvals', async () => {
    const { service, database } = await open();
    await service.registerSchema('db', connection);
    await service.registerSchema('whole', {}, { sensitive: true });
    const first = await service.set('db', { host: 'h', password: 'p4ss-1' }, global, 'ann');
    await service.set('whole', 'p4ss-w', global, 'ann');
    await service.registerSchema('whole', { type: 'string' });
    expect((await service.getSchema('whole'))?.sensitive).toBe(true);
    const plain = z.object({ host: z.string(), password: z.string() });
    await expectRefusal(service.registerSchema('db', plain), 'approval_required');
    await expectRefusal(service.registerSchema('whole', {}, { sensitive: false }), 'approval_required');
    for (const request of await service.getPendingChanges()) {
      await service.approveChange(request.id, 'bob');
      await service.approveChange(request.id, 'cleo');
    }
    expect((await service.getSchema('whole'))?.sensitive).toBe(false);
    await service.set('db', { host: 'h', password: 'open-now' }, global, 'ann');
    expect(await service.getHistory('db')).toMatchObject([
      { value: { password: 'open-now' } },
      { value: { password: mask } },
    ]);
    // What was stored as a secret is put back as one.
    expect((await service.rollback('db', first.version, 'ann', 'x')).value).toEqual({ host: 'h', password: mask });
    expect(await service.get('db')).toEqual({ host: 'h', password: 'p4ss-1' });
    expect(await everythingIn(database)).not.toContain('p4ss');
  });

  it('of a key that became one are masked from then on', async () => {
    const { service } = await open();
    await service.set('k', { a: 'was-open' }, global, 'ann');
    await service.registerSchema('k', {}, { sensitive: true });
    expect(await service.getHistory('k')).toMatchObject([{ value: mask }]);
    expect(await service.exportConfig(global)).not.toContain('was-open');
    expect(await service.get('k')).toEqual({ a: 'was-open' });
    expect((await service.read('k', global, { secrets: 'mask' })).value).toEqual(mask);
  });

  it('are refused where there is no key, as in production, and nothing else is', async () => {
    const { database } = await engine.open();
    vi.stubEnv('NODE_ENV', 'production');
    vi.stubEnv('CONFIG_ENCRYPTION_KEY', '');
    const service = services.on({ ...database, kind: 'postgres' }, { listen: false });
    vi.unstubAllEnvs();
    const writes = [
      service.set('tokens', { a: 'v' }, global, 'ann'),
      service.set('plain', 1, global, 'ann'),
      service.set('plain', 2, org, 'ann'),
    ];
    const settled = await Promise.allSettled(writes);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(settled[0]).toMatchObject({ reason: { code: 'encryption_not_configured' } });
    expect(await service.get('tokens')).toBeNull();
  });

  it('survive a restart with the old key in the ring, and say which key they need without it', async () => {
    const { service, database } = await open();
    await service.set('tokens', { a: 'v' }, global, 'ann');
    const fresh = newKey();
    expect(await services.on(database, { encryptionKey: `${fresh},${encryptionKey}` }).get('tokens')).toEqual({
      a: 'v',
    });
    const error = await expectRefusal(
      services.on(database, { encryptionKey: fresh }).get('tokens'),
      'encryption_key_missing',
    );
    expect(error.message).toContain(parseKeyRing(encryptionKey, 'x').keyIds[0]);
  });

  describe('that were tampered with', () => {
    type Tampering = (service: ConfigurationManagementService, database: Database) => Promise<void>;
    const copy = (from: string, to: string): string =>
      `UPDATE configuration_settings SET value = (SELECT value FROM configuration_settings WHERE ${from}) WHERE ${to}`;
    const here = "key = 'tokens' AND scope = 'global' AND environment = 'default'";
    const cases: readonly (readonly [string, Tampering])[] = [
      ['moved from another key', (_, db) => run(db, copy("key = 'secrets' AND scope = 'global'", here))],
      ['moved from another scope', (_, db) => run(db, copy("key = 'tokens' AND scope = 'org'", here))],
      ['moved from another scope of the kind', async (service, db) => {
        await service.set('tokens', { a: 'x' }, { scope: 'org', scopeId: 'b' }, 'ann');
        await run(db, copy("key = 'tokens' AND scope_id = 'b'", "key = 'tokens' AND scope_id = 'acme'"));
      }],
      ['moved from another environment', async (_, db) => {
        const other = services.on(db, { encryptionKey, environment: 'staging' });
        await other.set('tokens', { a: 'staging' }, global, 'ann');
        await run(db, copy("key = 'tokens' AND environment = 'staging'", here));
      }],
      ['put back from an older version', (_, db) =>
        run(db, `UPDATE configuration_settings SET value = (SELECT value FROM configuration_versions WHERE key = 'tokens' AND scope = 'global' ORDER BY revision LIMIT 1) WHERE ${here}`)],
      ['moved to another leaf', (_, db) =>
        run(db, `UPDATE configuration_settings SET value = json_build_object('inside', value) WHERE ${here}`)],
      ['cut off', (_, db) =>
        run(db, `UPDATE configuration_settings SET value = json_build_object('$sealed', left(value ->> '$sealed', -4)) WHERE ${here}`)],
      ['changed', (_, db) =>
        run(db, `UPDATE configuration_settings SET value = json_build_object('$sealed', left(value ->> '$sealed', 40) || reverse(substr(value ->> '$sealed', 41))) WHERE ${here}`)],
      ['written in an unknown form', (_, db) =>
        run(db, `UPDATE configuration_settings SET value = json_build_object('$sealed', '2' || substr(value ->> '$sealed', 2)) WHERE ${here}`)],
      ['emptied', (_, db) => run(db, `UPDATE configuration_settings SET value = '{"$sealed": null}' WHERE ${here}`)],
      ['sealed with a key that is not there', (_, db) =>
        run(db, `UPDATE configuration_settings SET value = json_build_object('$sealed', '1.0000000000000000' || substr(value ->> '$sealed', 19)) WHERE ${here}`)],
    ]; // prettier-ignore
    const run = async (db: Database, text: string): Promise<void> => {
      await db.query(text);
    };

    it.each(cases)('fail closed: %s', async (_, tamper) => {
      const { service, database } = await open();
      await service.set('secrets', { a: 'other key' }, global, 'ann');
      await service.set('tokens', { a: 'first' }, global, 'ann');
      await service.set('tokens', { a: 'second' }, global, 'ann');
      await service.set('tokens', { a: 'org' }, org, 'ann');
      await tamper(service, database);
      const fresh = services.on(database, { encryptionKey });
      const reads = [
        () => fresh.get('tokens', org),
        () => fresh.getBatch(['tokens'], org),
        () => fresh.getAll(org),
        () => fresh.explain('tokens', org),
      ];
      for (const read of reads) {
        const error = await expectRefusal(read(), 'secret_damaged');
        expect(error.message).toMatch(/The secret at (\$|inside) of tokens at /);
      }
      // It can be set anew.
      await fresh.set('tokens', { a: 'mended' }, global, 'ann');
      await fresh.set('tokens', { a: 'mended too' }, org, 'ann');
      expect(await fresh.get('tokens', org)).toEqual({ a: 'mended too' });
    });
  });

  it('are told apart across processes at once, whoever has made the data key', async () => {
    const { database } = await engine.open();
    const processes = Array.from({ length: 4 }, () => services.on(database, { encryptionKey }));
    const scopes = Array.from({ length: 12 }, (_, index) => ({ scope: 'org', scopeId: `o${String(index)}` }) as const);
    await Promise.all(
      scopes.map(async (scope, index) => processes[index % 4]?.set('tokens', { n: index }, scope, 'ann')),
    );
    for (const [index, scope] of scopes.entries())
      expect(await processes[(index + 1) % 4]?.get('tokens', scope)).toEqual({ n: index });
  });
});

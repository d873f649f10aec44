/** Owns the proof of sealing: every row once, whatever order rows become visible in, by whichever process. */
import { isConfigurationError, type AuditCheckpoint } from '@strata/core';
import { expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import { expectRefusal } from '../../../../test/expectations.ts';
import { interceptDatabase } from '../../../../test/intercepted-database.ts';
import { inTier } from '../../../../test/kill/tier.ts';
import { servicesOn } from '../../../../test/services.ts';
import { createConfigurationService } from '../create.ts';
import { newKey } from '../secrets/key-ring.ts';
import type { Database, Row } from '../db/database.ts';

const global = { scope: 'global' } as const;
const encryptionKey = newKey();
const soon = { timeout: 15_000, interval: 20 };

/** The ids of the rows in the order of their seals, and how many rows there are. */
async function sealsOf(
  database: Database,
): Promise<{ readonly ids: number[]; readonly numbers: number[]; readonly rows: number }> {
  const seals = await database.query<Row & { readonly number: number; readonly audit_id: number }>(
    'SELECT number, audit_id FROM configuration_audit_seals ORDER BY number',
  );
  const [count] = await database.query<Row & { readonly rows: number }>(
    'SELECT count(*) AS rows FROM configuration_audit_log',
  );
  return {
    ids: seals.map(({ audit_id }) => audit_id),
    numbers: seals.map(({ number }) => number),
    rows: count?.rows ?? 0,
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describeDatabases('sealing', (engine) => {
  const services = servicesOn(engine);

  it('gives every row one seal while 20 writers write, beside three sealers', async () => {
    const { database, service } = await services.open({ encryptionKey, audit: { seal: true } });
    const others = [
      services.on(database, { encryptionKey, audit: { seal: true } }),
      services.on(database, { encryptionKey }),
    ];
    const writers = upTo(20).map(async (writer) => {
      const by = [service, ...others][writer % 3] ?? service;
      for (let n = 0; n < 5; n += 1) {
        await by.set(`k${String(writer)}`, n, global, `user-${String(writer)}`);
        if (n % 4 === 0) await by.createAuditCheckpoint();
      }
    });
    await Promise.all(writers);
    await service.createAuditCheckpoint();
    const { ids, numbers, rows } = await sealsOf(database);
    expect(rows).toBe(100);
    expect(numbers).toEqual(upTo(100));
    expect(new Set(ids).size).toBe(100);
    expect(await service.verifyAudit()).toMatchObject({ ok: true, sealed: 100, waiting: 0 });
  });

  it('goes through more rows than it takes at once', { timeout: 60_000 }, async () => {
    const { database, service } = await services.open({ encryptionKey });
    for (let commit = 0; commit < 3; commit += 1) {
      const changes = upTo(900).map((n) => ({ key: `k${String(n)}`, ...global, value: commit }));
      await service.commit(changes, 'ann');
    }
    const { number } = await service.createAuditCheckpoint();
    const { ids, numbers, rows } = await sealsOf(database);
    expect([number, rows]).toEqual([2700, 2700]);
    expect(numbers).toEqual(upTo(2700));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(await service.verifyAudit()).toMatchObject({ ok: true, sealed: 2700, waiting: 0 });
  });

  it('is done by the process itself, without being asked, and at its end', async () => {
    const made: AuditCheckpoint[] = [];
    const { database, service } = await services.open({
      encryptionKey,
      audit: { seal: true, onCheckpoint: (one) => made.push(one) },
    });
    await service.set('k', 1, global, 'ann');
    await vi.waitFor(async () => expect((await sealsOf(database)).ids).toHaveLength(1), soon);
    await vi.waitFor(() => expect(made).toHaveLength(1), soon);
    expect(await service.listAuditCheckpoints()).toEqual(made);
    expect(made[0]).toMatchObject({ number: 1, kind: 'checkpoint', by: 'system' });
    await service.set('k', 2, global, 'ann');
    await service.close();
    expect((await sealsOf(database)).ids).toHaveLength(2);
  });

  it(
    'leaves one chain, wherever a sealer is ended',
    { timeout: inTier({ quick: 60_000, ci: 60_000, soak: 1_800_000 }) },
    async () => {
      const { database, service } = await services.open({ encryptionKey });
      const died = new Error('the sealer died');
      let left = Infinity;
      const dying = interceptDatabase(database, async ({ isInTransaction }, run) => {
        if (!isInTransaction) return run();
        left -= 1;
        // Before the statement, or after it.
        if (left === 0) throw died;
        const rows = await run();
        if (left === 0.5) throw died;
        return rows;
      });
      const runs = inTier({ quick: 60, ci: 60, soak: 1000 });
      let deaths = 0;
      for (let run = 0; run < runs; run += 1) {
        if (run % 3 === 0) await service.set('k', run, global, 'ann');
        // Each is a sealer of its own, which finds what the ones before have left.
        const sealer = createConfigurationService(dying, { encryptionKey });
        left = 1 + Math.floor(Math.random() * 16) / 2;
        try {
          await sealer.createAuditCheckpoint();
        } catch (error) {
          if (isConfigurationError(error) || error !== died) throw error;
          deaths += 1;
        } finally {
          left = Infinity;
          await sealer.close();
        }
      }
      await service.createAuditCheckpoint();
      expect(deaths).toBeGreaterThan(runs / 10);
      const { ids, numbers, rows } = await sealsOf(database);
      expect(numbers).toEqual(upTo(rows));
      expect(new Set(ids).size).toBe(rows);
      expect(await service.verifyAudit()).toMatchObject({ ok: true, waiting: 0 });
    },
  );

  it('vouches for no row that no process with the key wrote, once it has begun', async () => {
    const { database, service } = await services.open({ encryptionKey });
    const insert = `INSERT INTO configuration_audit_log (environment, operation, user_id, success, created_at) VALUES ('default', 'old', 'ann', true, now())`;
    await database.query(insert);
    await service.set('k', 1, global, 'ann');
    await service.createAuditCheckpoint();
    // What is of before is taken as it was.
    expect(await service.verifyAudit()).toMatchObject({ ok: true, sealed: 2, withoutMac: 1 });
    await database.query(insert);
    await service.set('k', 2, global, 'ann');
    expect(await service.createAuditCheckpoint()).toMatchObject({ number: 3 });
    const { findings, ok } = await service.verifyAudit();
    expect(ok).toBe(false);
    expect(findings).toEqual([
      { kind: 'row_inserted', id: 3, message: expect.stringContaining('carries no code') as string },
    ]);
  });

  it('goes on upon no seal that a sealer did not write', async () => {
    const { database, service } = await services.open({ encryptionKey });
    await service.set('k', 1, global, 'ann');
    await service.createAuditCheckpoint();
    await database.script(
      `ALTER TABLE configuration_audit_seals DISABLE TRIGGER USER; UPDATE configuration_audit_seals SET chain = repeat('a', 64);
      ALTER TABLE configuration_audit_seals ENABLE TRIGGER USER`,
    );
    await service.set('k', 2, global, 'ann');
    const error = await expectRefusal(service.createAuditCheckpoint(), 'audit_chain_broken');
    expect(error.details).toMatchObject({ number: 1 });
    expect((await sealsOf(database)).ids).toHaveLength(1);
  });

  it('is told of once where it fails for good, and goes on by itself', async () => {
    const warnings: unknown[] = [];
    const { database, service } = await services.open({ encryptionKey });
    await service.set('k', 1, global, 'ann');
    let isBroken = true;
    const broken = interceptDatabase(database, ({ text }, run) =>
      isBroken && text.includes('INSERT INTO configuration_audit_seals') ? Promise.reject(new Error('no room')) : run(),
    );
    const sealing = services.on(broken, {
      encryptionKey,
      audit: { seal: true },
      onWarning: (warning) => warnings.push(warning),
    });
    await sealing.get('k');
    await vi.waitFor(() => expect(warnings.map(String)).toEqual(['Error: no room']), soon);
    isBroken = false;
    await vi.waitFor(async () => expect((await sealsOf(database)).ids).toHaveLength(1), soon);
    expect(warnings).toHaveLength(1);
  });

  it('keeps the log from being rewritten or shortened by accident', async () => {
    const { database, service } = await services.open({ encryptionKey });
    await service.set('k', 1, global, 'ann');
    await service.createAuditCheckpoint();
    for (const table of ['audit_log', 'audit_seals', 'audit_checkpoints']) {
      for (const statement of [`DELETE FROM configuration_${table}`, `TRUNCATE configuration_${table}`]) {
        await expect(database.query(statement)).rejects.toThrow('append-only');
      }
    }
    await expect(database.query(`UPDATE configuration_audit_log SET user_id = 'x'`)).rejects.toThrow('append-only');
    await expect(database.query('UPDATE configuration_audit_seals SET number = 7')).rejects.toThrow('append-only');
  });

  it('fails a write whose row cannot be written', async () => {
    const { database, service, revision } = await services.open({ encryptionKey });
    await database.script(`ALTER TABLE configuration_audit_log ADD CONSTRAINT none_of_eve CHECK (user_id <> 'eve')`);
    await expect(service.set('k', 1, global, 'eve')).rejects.toThrow('none_of_eve');
    await expect(service.registerScope({ scope: 'org', scopeId: 'o' }, { actor: 'eve' })).rejects.toThrow(
      'none_of_eve',
    );
    expect(await revision()).toBe(0);
    expect(await service.get('k')).toBeNull();
    await service.set('k', 1, global, 'ann');
    expect(await revision()).toBe(1);
  });
});

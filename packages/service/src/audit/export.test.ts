/** Owns the proof of what leaves the audit log: an export that a third party checks with the public key, and removal under a signed checkpoint. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import { expectRefusal } from '../../../../test/expectations.ts';
import { servicesOn } from '../../../../test/services.ts';
import { newKey } from '../secrets/key-ring.ts';
import type { ConfigurationManagementService } from '../configuration-management-service.ts';
import { verifyAuditExport, type AuditExportRange } from './export.ts';

const global = { scope: 'global' } as const;
const encryptionKey = newKey();

describeDatabases('an exported audit log', (engine) => {
  const services = servicesOn(engine);

  async function linesOf(service: ConfigurationManagementService, range?: AuditExportRange): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of service.exportAudit(range)) lines.push(line);
    return lines;
  }

  async function exported() {
    const opened = await services.open({ encryptionKey });
    const { service } = opened;
    for (let n = 1; n <= 4; n += 1) await service.set('k', n, global, 'ann');
    const { publicKey } = await service.createAuditCheckpoint();
    for (let n = 5; n <= 8; n += 1) await service.set('k', n, global, 'bob');
    return { ...opened, publicKey, lines: await linesOf(service) };
  }

  it('holds with the public key alone, the export itself included', async () => {
    const { lines, publicKey, service } = await exported();
    expect(await verifyAuditExport(lines, [publicKey])).toEqual({
      ...{ ok: true, findings: [], rows: 9, checkpoints: 2, from: 1, signedThrough: 9, publicKeys: [publicKey] },
    });
    expect(await verifyAuditExport([lines.join('')])).toMatchObject({ ok: true, publicKeys: [publicKey] });
    const [newest] = await service.getAuditLog();
    expect(newest).toMatchObject({ operation: 'audit-export', seal: 9, userId: 'system' });
    const rest = await linesOf(service, { from: 6 });
    expect(await verifyAuditExport(rest, [publicKey])).toMatchObject({ ok: true, rows: 5, from: 6, signedThrough: 10 });
    await expectRefusal(linesOf(service, { from: 50 }), 'invalid_argument');
    await expectRefusal(linesOf(service, { from: 0 }), 'invalid_argument');
  });

  it('does not hold with another key', async () => {
    const { lines } = await exported();
    const other = await exported();
    const { findings, ok } = await verifyAuditExport(lines, [
      'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=',
    ]);
    expect(ok).toBe(false);
    expect(findings[0]).toMatchObject({ kind: 'checkpoint_invalid', number: 4 });
    // A checkpoint of another store proves nothing here.
    const mixed = lines.map((line, index) => (line.startsWith('{"checkpoint"') ? (other.lines[index] ?? '') : line));
    expect((await verifyAuditExport(mixed)).findings[0]?.message).toContain('is of another store');
  });

  it('does not hold where any line was changed, removed, doubled or moved', async () => {
    const { lines, publicKey } = await exported();
    const isSame = (one: readonly string[]): boolean => one.join('') === lines.join('');
    const place = fc.nat(lines.length - 1);
    const changed = fc.oneof(
      fc
        .tuple(place, fc.nat(400))
        .map(([at, index]) => lines.map((line, n) => (n === at ? flipped(line, index) : line))),
      place.map((at) => lines.filter((_, n) => n !== at)),
      place.map((at) => lines.flatMap((line, n) => (n === at ? [line, line] : [line]))),
      fc.tuple(place, place).map(([a, b]) => lines.map((line, n) => lines[n === a ? b : n === b ? a : n] ?? line)),
      fc.nat(lines.length - 1).map((length) => lines.slice(0, length)),
    );
    await fc.assert(
      fc.asyncProperty(changed, async (one) => {
        expect((await verifyAuditExport(one, [publicKey])).ok).toBe(isSame(one));
      }),
      { numRuns: 500 },
    );
  });

  it('is removed under a checkpoint that says so, and what is left still holds', async () => {
    const { lines, publicKey, service } = await exported();
    const [, fifth] = (await service.getAuditLog({ operation: 'set' })).filter(({ seal }) => seal === 5 || seal === 6);
    await expectRefusal(service.pruneAudit({ before: fifth?.createdAt ?? new Date() }, 'root', ' '), 'reason_required');
    await expectRefusal(service.pruneAudit({ before: '2100-01-01' }, 'root', 'Early'), 'invalid_argument');
    expect(await service.pruneAudit({ before: '2000-01-01' }, 'root', 'Nothing')).toEqual({
      removed: 0,
      checkpoint: null,
    });
    const { checkpoint, removed } = await service.pruneAudit(
      { before: fifth?.createdAt ?? new Date() },
      'root',
      'Older than a year',
    );
    expect(removed).toBe(4);
    expect(checkpoint).toMatchObject({
      kind: 'retention',
      number: 4,
      reason: 'Older than a year',
      by: 'root',
      revision: 4,
    });
    expect((await service.getAuditLog({ operation: 'set' })).map(({ seal }) => seal)).toEqual([8, 7, 6, 5]);
    const [told] = await service.getAuditLog({ operation: 'audit-prune' });
    expect(told).toMatchObject({ userId: 'root', metadata: { removed: 4, number: 4, reason: 'Older than a year' } });
    const kept = checkpoint === null ? [] : [checkpoint];
    expect(await service.verifyAudit({ checkpoints: kept })).toMatchObject({ ok: true, rows: 6 });
    const after = await linesOf(service);
    expect(await verifyAuditExport(after, [publicKey])).toMatchObject({ ok: true, from: 5 });
    // What was exported before is proven as before.
    expect(await verifyAuditExport(lines, [publicKey])).toMatchObject({ ok: true, from: 1 });
    await service.set('k', 9, global, 'ann');
    await service.createAuditCheckpoint();
    expect(await service.verifyAudit()).toMatchObject({ ok: true });
  });

  it('is not removed where something does not hold', async () => {
    const { database, service } = await exported();
    await database.script(
      `ALTER TABLE configuration_audit_log DISABLE TRIGGER USER; UPDATE configuration_audit_log SET user_id = 'eve' WHERE id = 2;
      ALTER TABLE configuration_audit_log ENABLE TRIGGER USER`,
    );
    const error = await expectRefusal(service.pruneAudit({ before: new Date() }, 'root', 'Old'), 'audit_broken');
    expect(error.message).toContain('The row 2 (set of k by eve) was changed');
    expect(await service.getAuditLog({ operation: 'set' })).toHaveLength(8);
  });
});

/** The text with one character changed into another one. */
function flipped(line: string, index: number): string {
  const at = index % (line.length - 1);
  return `${line.slice(0, at)}${line[at] === '7' ? '8' : '7'}${line.slice(at + 1)}`;
}

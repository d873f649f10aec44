/** Owns the example: a record of who did what that is handed on, checked by others, and does not hold once somebody edits it. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  ConfigScope,
  createConfigurationService,
  openEmbeddedDatabase,
  verifyAuditExport,
  type AuditCheckpoint,
} from '@strata/service';

/**
 * Runs the example on an embedded database in memory.
 * @returns the lines that it has to say.
 */
export async function run(): Promise<string[]> {
  const lines: string[] = [];
  const kept: AuditCheckpoint[] = [];
  const database = await openEmbeddedDatabase();
  // Wherever the database's owner cannot reach: a file elsewhere, a mailbox, a ledger.
  const service = createConfigurationService(database, { audit: { onCheckpoint: (one) => kept.push(one) } });
  try {
    await service.set('pm_intervals', { lightDuty: 5000 }, { scope: ConfigScope.GLOBAL }, 'ann', 'Company standard');
    await service.set('pm_intervals', { lightDuty: 6000 }, { scope: ConfigScope.GLOBAL }, 'bob', 'Long roads');
    for (const { id, operation, userId, metadata } of await service.getAuditLog({ key: 'pm_intervals' })) {
      lines.push(`Row ${String(id)}: ${operation} by ${userId}, ${JSON.stringify(metadata['comment'])}`);
    }

    const { number, publicKey } = await service.createAuditCheckpoint();
    lines.push(`A checkpoint signs ${String(number)} seals, and ${String(kept.length)} is kept elsewhere.`);

    const exported: string[] = [];
    for await (const line of service.exportAudit()) exported.push(line);
    lines.push(
      `An auditor checks the export with the public key: ${outcome(await verifyAuditExport(exported, [publicKey]))}`,
    );
    const forged = exported.map((line) => line.replace('Long roads', 'As ordered'));
    lines.push(`The same with one word changed: ${outcome(await verifyAuditExport(forged, [publicKey]))}`);

    lines.push(`The log itself: ${outcome(await service.verifyAudit({ checkpoints: kept }))}`);
    // What the owner of the tables can do.
    await database.script(
      `ALTER TABLE configuration_audit_log DISABLE TRIGGER USER; UPDATE configuration_audit_log SET ip = '10.0.0.7' WHERE id = 2`,
    );
    lines.push(`After an edit in the database: ${outcome(await service.verifyAudit({ checkpoints: kept }))}`);
    return lines;
  } finally {
    await service.close();
    await database.close();
  }
}

function outcome({
  ok,
  findings,
}: {
  readonly ok: boolean;
  readonly findings: readonly { readonly message: string }[];
}): string {
  return ok ? 'it holds' : findings.map(({ message }) => message).join(' ');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const line of await run()) process.stdout.write(`${line}\n`);
}

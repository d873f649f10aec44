/** Owns writing rows of the audit log that belong to no commit, authenticated like those of commits. */
import type { Context } from '../context.ts';
import { storeAudit, type AuditEntry } from '../store/audit.ts';

/** Stores entries in the transaction of the context, at the database's time. What they record fails where they cannot be stored. */
export async function recordAudit({ db, environment, audit }: Context, entries: readonly AuditEntry[]): Promise<void> {
  await storeAudit(db, environment, entries, audit.keys.stamp());
}

/** The same outside of any transaction. */
export async function recordAlone(context: Context, entries: readonly AuditEntry[]): Promise<void> {
  await context.audit.keys.load();
  await recordAudit(context, entries);
}

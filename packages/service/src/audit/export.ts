/** Owns the export of the audit log: sealed rows and signed checkpoints as lines of JSON. */
import {
  AuditExportCheck,
  ConfigurationError,
  globalScope,
  type AuditExportCheckpoint,
  type AuditExportEnd,
  type AuditExportHeader,
  type AuditExportResult,
  type AuditExportRow,
} from '@strata/core';
import { requirePermission } from '../access.ts';
import type { Actor } from '../actor.ts';
import { begin, type Context } from '../context.ts';
import { sha256 } from '../digest.ts';
import { parseCount } from '../history.ts';
import { readCheckpointsFrom, readSealed } from '../store/audit-seals.ts';
import { readStoreIdentity } from '../store/store-identity.ts';
import { isSigned, signEnd } from './checkpoints.ts';
import { recordAlone } from './record.ts';
import { chainStart } from './seal.ts';

/** Which rows are exported. */
export interface AuditExportRange {
  /** The first seal. Default: the first that is there. */
  readonly from?: number;
}

const pageSize = 1000;

/**
 * The sealed rows as lines of JSON, each with its line feed: a header, rows with the checkpoints between them, and an end.
 * It is recorded, sealed and signed before the first line, so that every line is proven.
 */
export async function* exportAudit(
  context: Context,
  actor: Actor,
  { from }: AuditExportRange,
): AsyncGenerator<string, void, undefined> {
  begin(context);
  const first = from === undefined ? undefined : parseCount(from, 'from', Number.MAX_SAFE_INTEGER);
  await requirePermission(context, actor, 'audit', globalScope);
  await requirePermission(context, actor, 'export', globalScope);
  await recordAlone(context, [
    { operation: 'audit-export', about: globalScope, actor, success: true, metadata: { from: first ?? null } },
  ]);
  const end = await signEnd(context, actor);
  const header = await headerOf(context, first, end.number);
  yield line(header);
  let [rows, checkpoints] = [0, 0];
  for (let number = header.from - 1; number < end.number;) {
    const { db, environment } = context;
    const page = await readSealed(db, environment, number, Math.min(pageSize, end.number - number));
    const last = page.at(-1)?.seal.number ?? end.number;
    const signed = await readCheckpointsFrom(db, environment, number + 1, last);
    for (const { seal, row } of page) {
      if (row === undefined || seal.number !== number + 1)
        throw new ConfigurationError('audit_chain_broken', { number: number + 1 });
      number = seal.number;
      rows += 1;
      const { macKey: _key, macNonce: _nonce, mac, ...content } = row;
      yield line({ seal: number, row: content, mac });
      for (const { statement, signature, publicKey } of signed.filter((checkpoint) => checkpoint.number === number)) {
        checkpoints += 1;
        yield line({ checkpoint: { statement, signature, publicKey } });
      }
    }
    if (page.length === 0) throw new ConfigurationError('audit_chain_broken', { number: number + 1 });
  }
  yield line({ end: rows, checkpoints });
}

async function headerOf(
  { db, environment }: Context,
  from: number | undefined,
  last: number,
): Promise<AuditExportHeader> {
  const { id: store } = await readStoreIdentity(db);
  const format = 'strata-audit-export/1';
  const start = await chainStart(db, environment);
  if (from === undefined || from === start.number + 1)
    return { format, store, environment, from: start.number + 1, chain: start.chain };
  const [before] = await readSealed(db, environment, from - 2, 1);
  if (before?.seal.number === from - 1 && from <= last)
    return { format, store, environment, from, chain: before.seal.chain };
  throw new ConfigurationError('invalid_argument', {
    argument: 'from',
    problem: `the log holds the seals ${String(start.number + 1)} to ${String(last)}, not ${String(from)}`,
  });
}

function line(content: AuditExportHeader | AuditExportRow | AuditExportCheckpoint | AuditExportEnd): string {
  return `${JSON.stringify(content)}\n`;
}

/**
 * Checks an exported audit log offline: every row is one that was sealed and signed, none is missing between the first and the last.
 * @param publicKeys the keys that may have signed, as `publicKey` of a checkpoint. Without them the result names the keys that did.
 */
export async function verifyAuditExport(
  lines: AsyncIterable<string> | Iterable<string>,
  publicKeys?: readonly string[],
): Promise<AuditExportResult> {
  const check = new AuditExportCheck({ sha256, isSigned, publicKeys });
  let rest = '';
  for await (const chunk of lines) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) check.line(part);
  }
  check.line(rest);
  return check.result();
}

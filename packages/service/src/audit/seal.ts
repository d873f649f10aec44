/** Owns sealing: rows that wait for their seal get the next numbers, each over the one before it. */
import {
  auditRowText,
  auditSealText,
  ConfigurationError,
  firstAuditLink,
  nextAuditLink,
  readAuditStatement,
  type AuditStatement,
} from '@strata/core';
import type { Context } from '../context.ts';
import type { Sql } from '../db/database.ts';
import { sha256 } from '../digest.ts';
import {
  readCheckpoints,
  readLastSeal,
  readUnsealed,
  refuseSeals,
  storeSeals,
  takeSealing,
  type AuditSeal,
  type StoredAuditRow,
  type StoredCheckpoint,
} from '../store/audit-seals.ts';
import { readStoreIdentity } from '../store/store-identity.ts';
import type { AuditKey } from './key-ring.ts';

/** How many rows are sealed in one transaction. */
const pageSize = 1000;

/** Where a chain has come to. */
export interface ChainEnd {
  /** The last number that was given. */
  readonly number: number;
  /** The link of it. */
  readonly chain: string;
  /** Whether any seal was ever given. */
  readonly hasBegun: boolean;
}

/**
 * Seals what waits in this environment; answers how many rows.
 * @param waits for another process that seals at this moment; else it is left to that.
 * @throws ConfigurationError `audit_key_missing`; `audit_chain_broken` where the last seal is not what a sealer wrote.
 */
export async function sealWaiting({ db, environment, audit }: Context, waits: boolean): Promise<number> {
  const key = await audit.keys.require();
  // Each run looks at all that waits, from the first on. What becomes visible behind a page that was sealed is left to the next run.
  let after = 0;
  for (let sealed = 0; ;) {
    const page = await db.transaction(async (sql) => {
      if (!(await takeSealing(sql, environment, waits))) return undefined;
      return sealPage(sql, environment, key, after);
    });
    if (page === undefined) return sealed;
    sealed += page.sealed;
    if (page.looked < pageSize) return sealed;
    after = page.last;
  }
}

interface Page {
  readonly sealed: number;
  readonly looked: number;
  /** The highest id that was looked at. */
  readonly last: number;
}

async function sealPage(sql: Sql, environment: string, key: AuditKey, after: number): Promise<Page> {
  const waiting = await readUnsealed(sql, environment, after, pageSize);
  if (waiting.length === 0) return { sealed: 0, looked: 0, last: after };
  const end = await chainEnd(sql, environment, key);
  const seals: AuditSeal[] = [];
  const refused: { readonly auditId: number; readonly why: string }[] = [];
  let last: Pick<ChainEnd, 'number' | 'chain'> = end;
  for (const { auditId, row, isSealed } of waiting) {
    if (isSealed) continue;
    const text = row === undefined ? '' : auditRowText(row);
    const why = row === undefined ? 'the row is gone' : reasonAgainst(row, text, key, end.hasBegun);
    if (row === undefined || why !== undefined) {
      refused.push({ auditId, why: why ?? '' });
      continue;
    }
    const number = last.number + 1;
    const chain = nextAuditLink(sha256, last.chain, number, text, row.mac);
    const mac = key.sealMac(auditSealText(environment, number, auditId, chain));
    seals.push({ number, auditId, chain, keyId: key.id, mac });
    last = { number, chain };
  }
  if (refused.length > 0) await refuseSeals(sql, environment, refused);
  if (seals.length > 0) await storeSeals(sql, environment, seals);
  return { sealed: seals.length, looked: waiting.length, last: waiting.at(-1)?.auditId ?? after };
}

/**
 * Why a row cannot be vouched for; undefined where nothing speaks against it. Rows without a code are of before there were keys, and only
 * as long as the chain has not begun.
 * @param text that of the row.
 */
export function reasonAgainst(row: StoredAuditRow, text: string, key: AuditKey, hasBegun: boolean): string | undefined {
  if (row.mac === null || row.macKey === null || row.macNonce === null) {
    return hasBegun ? 'it carries no code, so no process with the key wrote it' : undefined;
  }
  if (key.id !== row.macKey) return `it is authenticated with the key ${row.macKey}, which is not known here`;
  return key.rowMac(row.macNonce, text) === row.mac ? undefined : 'its code is not that of its contents';
}

/** Where the chain ends now. @throws ConfigurationError `audit_chain_broken`. */
export async function chainEnd(sql: Sql, environment: string, key: AuditKey): Promise<ChainEnd> {
  const last = await readLastSeal(sql, environment);
  if (last === undefined) {
    const start = await chainStart(sql, environment);
    return { ...start, hasBegun: start.number > 0 };
  }
  const { number, auditId, chain, keyId, mac } = last;
  if (keyId !== key.id || key.sealMac(auditSealText(environment, number, auditId, chain)) !== mac) {
    throw new ConfigurationError('audit_chain_broken', { number });
  }
  return { number, chain, hasBegun: true };
}

/**
 * What the chain begins after: the last checkpoint under which rows were removed, or nothing.
 * @throws ConfigurationError `audit_chain_broken` where that says nothing any more.
 */
export async function chainStart(sql: Sql, environment: string): Promise<Pick<ChainEnd, 'number' | 'chain'>> {
  const [retention] = await readCheckpoints(sql, environment, { kind: 'retention', limit: 1 });
  if (retention !== undefined) return stated(retention);
  const { id } = await readStoreIdentity(sql);
  return { number: 0, chain: firstAuditLink(sha256, id, environment) };
}

/** What a stored checkpoint states. @throws ConfigurationError `audit_chain_broken` where that cannot be read. */
export function stated({ number, statement }: StoredCheckpoint): AuditStatement {
  const read = readAuditStatement(statement);
  if (read === undefined) throw new ConfigurationError('audit_chain_broken', { number });
  return read;
}

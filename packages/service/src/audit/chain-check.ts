/** Owns the proof of rows and seals: each row is what was written, each seal is the sealer's, and none is missing or put in. */
import { auditRowText, auditSealText, nextAuditLink, type AuditStatement } from '@strata/core';
import { sha256 } from '../digest.ts';
import { readSealed, readWithoutSeal, type AuditSeal, type StoredAuditRow } from '../store/audit-seals.ts';
import type { SignedCheckpoints, Verifying } from './checkpoint-check.ts';
import { chainStart, reasonAgainst } from './seal.ts';

const pageSize = 5000;

/** What a chain turned out to be. */
export interface VerifiedChain {
  readonly hasBegun: boolean;
  readonly rows: number;
  readonly withoutMac: number;
  readonly number: number;
  readonly chain: string;
}

/** Checks the sealed rows and their seals, from the first to the last. */
export async function verifyChain(at: Verifying, signed: SignedCheckpoints): Promise<VerifiedChain> {
  const { retention } = signed;
  // A checkpoint that does not hold is named where it is looked at.
  const start = retention ?? (await chainStart(at.sql, at.environment).catch(() => ({ number: 0, chain: '' })));
  let last = { number: start.number, chain: start.chain };
  let rows = 0;
  let withoutMac = 0;
  const read = (after: number): ReturnType<typeof readSealed> => {
    const page = readSealed(at.sql, at.environment, after, pageSize);
    // It is waited for later, so that its failure would be nobody's until then.
    page.catch(() => undefined);
    return page;
  };
  let reading = read(last.number);
  for (let isMore = true; isMore;) {
    const page = await reading;
    isMore = page.length === pageSize;
    // The database reads the next page while this one is checked.
    if (isMore) reading = read(page.at(-1)?.seal.number ?? last.number);
    for (const { seal, row } of page) {
      rows += row === undefined ? 0 : 1;
      withoutMac += row?.mac === null ? 1 : 0;
      verifySeal(at, last, seal, row);
      compareWithSigned(at, signed.links, seal);
      last = { number: seal.number, chain: seal.chain };
    }
  }
  findTruncation(at, signed.links, last.number);
  return { hasBegun: last.number > 0, rows, withoutMac, ...last };
}

function verifySeal(
  { findings, environment, key }: Verifying,
  last: Pick<AuditSeal, 'number' | 'chain'>,
  { number, auditId, chain, keyId, mac }: AuditSeal,
  row: StoredAuditRow | undefined,
): void {
  const at = { id: auditId, number };
  const isNext = number === last.number + 1;
  if (!isNext) {
    const missing = `${String(last.number + 1)} to ${String(number - 1)}`;
    findings.add({ kind: 'seal_missing', number: last.number + 1, message: `The seals ${missing} are gone.` });
  }
  if (keyId !== key.id) {
    findings.add({
      kind: 'key_missing',
      ...at,
      message: `The seal ${String(number)} is of the key ${keyId}, which is not known here.`,
    });
    return;
  }
  if (key.sealMac(auditSealText(environment, number, auditId, chain)) !== mac) {
    findings.add({ kind: 'seal_changed', ...at, message: `The seal ${String(number)} is not what the sealer wrote.` });
    return;
  }
  if (row === undefined) {
    findings.add({
      kind: 'row_missing',
      ...at,
      message: `The row ${String(auditId)} is gone; it carried the seal ${String(number)}.`,
    });
    return;
  }
  const text = auditRowText(row);
  const problem =
    reasonAgainst(row, text, key, false) ??
    (isNext && nextAuditLink(sha256, last.chain, number, text, row.mac) !== chain
      ? 'it is not the row that was sealed'
      : undefined);
  if (problem !== undefined) {
    findings.add({ kind: 'row_changed', ...at, message: `${describe(row)} was changed: ${problem}.` });
  }
}

function describe({ id, operation, key, userId }: StoredAuditRow): string {
  return `The row ${String(id)} (${operation}${key === null ? '' : ` of ${key}`} by ${userId})`;
}

function compareWithSigned(
  { findings }: Verifying,
  links: ReadonlyMap<number, readonly AuditStatement[]>,
  { number, chain }: AuditSeal,
): void {
  for (const { sequence, chain: signed } of links.get(number) ?? []) {
    if (signed === chain) continue;
    const message = `The chain at the seal ${String(number)} is another one than the checkpoint ${String(sequence)} signed.`;
    findings.add({ kind: 'checkpoint_invalid', number, message });
  }
}

function findTruncation(
  { findings }: Verifying,
  links: ReadonlyMap<number, readonly AuditStatement[]>,
  last: number,
): void {
  for (const [number, [statement]] of links) {
    if (number <= last || statement === undefined) continue;
    const message = `The chain ends at the seal ${String(last)}, and the checkpoint ${String(statement.sequence)} signed ${String(number)} seals: the last ${String(number - last)} are gone.`;
    findings.add({ kind: 'truncated', number, message });
  }
}

/** What is without a seal. */
export interface VerifiedUnsealed {
  readonly rows: number;
  readonly waiting: number;
  readonly withoutMac: number;
}

/** Checks the rows that carry no seal: they wait for theirs, and a process with the key wrote them. */
export async function verifyUnsealed(at: Verifying, hasBegun: boolean): Promise<VerifiedUnsealed> {
  let [rows, waiting, withoutMac, after] = [0, 0, 0, 0];
  for (let isMore = true; isMore;) {
    const page = await readWithoutSeal(at.sql, at.environment, after, pageSize);
    isMore = page.length === pageSize;
    for (const { auditId, row, isWaiting } of page) {
      after = auditId;
      if (row === undefined) {
        const message = `The row ${String(auditId)} is gone; it waited for its seal.`;
        at.findings.add({ kind: 'row_missing', id: auditId, message });
        continue;
      }
      rows += 1;
      waiting += isWaiting ? 1 : 0;
      withoutMac += row.mac === null ? 1 : 0;
      verifyWaiting(at, row, isWaiting, reasonAgainst(row, auditRowText(row), at.key, hasBegun));
    }
  }
  return { rows, waiting, withoutMac };
}

function verifyWaiting(
  { findings }: Verifying,
  row: StoredAuditRow,
  isWaiting: boolean,
  reason: string | undefined,
): void {
  const { id, mac } = row;
  if (reason !== undefined) {
    const kind = mac === null ? 'row_inserted' : 'row_changed';
    findings.add({ kind, id, message: `${describe(row)} has no seal, and nobody can vouch for it: ${reason}.` });
  } else if (!isWaiting) {
    const message = `${describe(row)} has no seal, and does not wait for one: it was put in, or its seal was taken away.`;
    findings.add({ kind: 'row_inserted', id, message });
  }
}

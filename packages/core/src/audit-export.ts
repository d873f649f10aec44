/** Owns the exported audit log: lines of JSON that a third party checks offline, with the public key alone. */
import {
  auditRowText,
  nextAuditLink,
  readAuditStatement,
  type AuditCheckpoint,
  type AuditFinding,
  type AuditRow,
  type AuditStatement,
  type Sha256,
} from './audit.ts';

/** The first line of an export. */
export interface AuditExportHeader {
  readonly format: 'strata-audit-export/1';
  readonly store: string;
  readonly environment: string;
  /** The first seal of the export. */
  readonly from: number;
  /** The link before that. */
  readonly chain: string;
}

/** One sealed row. */
export interface AuditExportRow {
  readonly seal: number;
  readonly row: AuditRow;
  readonly mac: string | null;
}

/** A checkpoint, after the row that it covers last. */
export interface AuditExportCheckpoint {
  readonly checkpoint: Pick<AuditCheckpoint, 'statement' | 'signature' | 'publicKey'>;
}

/** The last line: how many rows and checkpoints there were. */
export interface AuditExportEnd {
  readonly end: number;
  readonly checkpoints: number;
}

/** What the check of an export comes to. */
export interface AuditExportResult {
  /** Whether every row is one that was sealed and signed. */
  readonly ok: boolean;
  readonly findings: readonly AuditFinding[];
  readonly rows: number;
  readonly checkpoints: number;
  /** The first seal of the export. */
  readonly from: number;
  /** The last seal that a checkpoint covers: what comes after it is not proven. */
  readonly signedThrough: number;
  /** The keys that the checkpoints are signed with. */
  readonly publicKeys: readonly string[];
}

/** What the check needs of whoever runs it. */
export interface AuditExportTools {
  readonly sha256: Sha256;
  /** Whether an Ed25519 signature (base64) is of a text, by a public key (SPKI, base64). */
  readonly isSigned: (publicKey: string, text: string, signature: string) => boolean;
  /** The keys that may have signed. Without them the check says which keys signed, and whether these are the store's is left to who reads it. */
  readonly publicKeys?: readonly string[] | undefined;
}

const most = 1000;

/** Checks an export line by line. */
export class AuditExportCheck {
  readonly #tools: AuditExportTools;
  readonly #findings: AuditFinding[] = [];
  readonly #keys = new Set<string>();
  #header: AuditExportHeader | undefined;
  #number = 0;
  #chain = '';
  #rows = 0;
  #checkpoints = 0;
  #signedThrough = 0;
  #lines = 0;
  #isEnded = false;

  constructor(tools: AuditExportTools) {
    this.#tools = tools;
  }

  /** Checks the next line; empty ones are passed over. */
  line(text: string): void {
    this.#lines += 1;
    if (text.trim() === '') return;
    const read = parse(text);
    if (this.#isEnded) this.#find('row_inserted', `The line ${String(this.#lines)} stands after the end.`);
    else if (this.#header === undefined) this.#begin(read);
    else if (isRow(read)) this.#addRow(read);
    else if (isCheckpoint(read)) this.#addCheckpoint(read.checkpoint, this.#header);
    else if (isEnd(read)) this.#finish(read);
    else this.#find('row_changed', `The line ${String(this.#lines)} is no line of an export.`);
  }

  /** What the lines came to. */
  result(): AuditExportResult {
    if (!this.#isEnded) this.#find('truncated', 'The export breaks off: its last line is missing.');
    else if (this.#signedThrough < this.#number) {
      const message = `No checkpoint covers the rows after the seal ${String(this.#signedThrough)}.`;
      this.#find('truncated', message, { number: this.#signedThrough + 1 });
    }
    return {
      ok: this.#findings.length === 0,
      findings: this.#findings,
      rows: this.#rows,
      checkpoints: this.#checkpoints,
      from: this.#header?.from ?? 0,
      signedThrough: this.#signedThrough,
      publicKeys: [...this.#keys],
    };
  }

  #find(kind: AuditFinding['kind'], message: string, at: Pick<AuditFinding, 'id' | 'number'> = {}): void {
    if (this.#findings.length < most) this.#findings.push({ kind, ...at, message });
  }

  #begin(read: unknown): void {
    if (!isHeader(read)) {
      if (this.#lines === 1) this.#find('row_changed', 'The first line is no header of an export of an audit log.');
      return;
    }
    this.#header = read;
    this.#number = read.from - 1;
    this.#signedThrough = read.from - 1;
    this.#chain = read.chain;
  }

  #addRow({ seal, row, mac }: AuditExportRow): void {
    this.#rows += 1;
    const at = { id: row.id, number: seal };
    if (seal !== this.#number + 1) {
      const message = `After the seal ${String(this.#number)} comes ${String(seal)}: rows are gone, or stand in another order.`;
      this.#find('seal_missing', message, at);
    }
    this.#chain = nextAuditLink(this.#tools.sha256, this.#chain, seal, auditRowText(row), mac);
    this.#number = seal;
  }

  #addCheckpoint(
    { statement, signature, publicKey }: AuditExportCheckpoint['checkpoint'],
    header: AuditExportHeader,
  ): void {
    this.#checkpoints += 1;
    const stated = readAuditStatement(statement);
    const problem = this.#problemOf(stated, statement, signature, publicKey, header);
    if (stated === undefined || problem !== undefined) {
      this.#find('checkpoint_invalid', `The checkpoint ${problem ?? ''}.`, { number: this.#number });
      return;
    }
    this.#keys.add(publicKey);
    const at = { number: stated.number };
    const range = `of the seals ${String(this.#signedThrough + 1)} to ${String(stated.number)}`;
    if (stated.number !== this.#number) {
      const message = `The checkpoint ${String(stated.sequence)} signed ${String(stated.number)} seals and stands after ${String(this.#number)}: rows ${range} are gone.`;
      this.#find('seal_missing', message, at);
    } else if (stated.chain !== this.#chain) {
      this.#find(
        'row_changed',
        `A row ${range} is not what was signed by the checkpoint ${String(stated.sequence)}.`,
        at,
      );
    }
    // What follows is judged by itself.
    this.#chain = stated.chain;
    this.#number = stated.number;
    this.#signedThrough = stated.number;
  }

  #problemOf(
    stated: AuditStatement | undefined,
    statement: string,
    signature: string,
    publicKey: string,
    header: AuditExportHeader,
  ): string | undefined {
    const { isSigned, publicKeys } = this.#tools;
    if (stated === undefined) return `after the seal ${String(this.#number)} holds no statement`;
    const name = String(stated.sequence);
    if (stated.store !== header.store || stated.environment !== header.environment)
      return `${name} is of another store`;
    if (publicKeys !== undefined && !publicKeys.includes(publicKey))
      return `${name} is signed with another key than was given`;
    return isSigned(publicKey, statement, signature) ? undefined : `${name} is not what its key signed`;
  }

  #finish({ end, checkpoints }: AuditExportEnd): void {
    this.#isEnded = true;
    if (end === this.#rows && checkpoints === this.#checkpoints) return;
    const said = `${String(end)} rows and ${String(checkpoints)} checkpoints`;
    const found = `${String(this.#rows)} and ${String(this.#checkpoints)}`;
    this.#find('truncated', `The export says that it has ${said}, and there are ${found}.`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(read: unknown): read is Record<string, unknown> {
  return typeof read === 'object' && read !== null;
}

function isHeader(read: unknown): read is AuditExportHeader {
  return (
    isObject(read) &&
    read['format'] === 'strata-audit-export/1' &&
    typeof read['store'] === 'string' &&
    typeof read['environment'] === 'string' &&
    Number.isSafeInteger(read['from']) &&
    typeof read['chain'] === 'string'
  );
}

function isRow(read: unknown): read is AuditExportRow {
  return isObject(read) && Number.isSafeInteger(read['seal']) && isObject(read['row']);
}

function isCheckpoint(read: unknown): read is AuditExportCheckpoint {
  if (!isObject(read) || !isObject(read['checkpoint'])) return false;
  const { statement, signature, publicKey } = read['checkpoint'];
  return [statement, signature, publicKey].every((text) => typeof text === 'string');
}

function isEnd(read: unknown): read is AuditExportEnd {
  return isObject(read) && Number.isSafeInteger(read['end']) && Number.isSafeInteger(read['checkpoints']);
}

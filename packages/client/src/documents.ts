/** Owns the calls on documents: exports and imports. */
import type { DocumentFormat, Diff, ScopeInput } from '@strata/core';
import { scopeQuery, type Place } from './address.ts';
import { StrataClientError, type ClientErrorCode } from './client-error.ts';
import type { Call, Connection } from './connection.ts';
import { linesOf } from './lines.ts';
import { passphraseHeader } from './passphrase-header.ts';

/** What is exported, besides the scope. */
export interface ExportOptions {
  /** Default: `json`. */
  readonly format?: DocumentFormat | undefined;
  /** Also the scopes that inherit from it; at global everything. */
  readonly subtree?: boolean | undefined;
  /** As it was at that time: ISO 8601 with a zone. */
  readonly at?: string | undefined;
  /** As it was right after that commit. */
  readonly revision?: number | undefined;
  /** What is stored there, or what is read there, which cannot be imported. Default: `own`. */
  readonly values?: 'own' | 'effective' | undefined;
  /** Also tells which keys had a value and have none any more. */
  readonly deleted?: boolean | undefined;
  /**
   * Ciphertext, which opens in a store with the same key or with the passphrase, masks, or nothing. Default: `sealed`, for effective values
   * `masked`.
   */
  readonly secrets?: 'sealed' | 'masked' | 'omitted' | undefined;
  /** Seals the secrets with a key that comes from this text of 8 or more characters, in the place of the store's own. */
  readonly passphrase?: string | undefined;
}

/** How a document is imported. */
export interface ImportOptions {
  /** Default: `json`. */
  readonly format?: DocumentFormat | undefined;
  /** Where a document of one scope goes. Default: its own scope, global for one of keys and values. */
  readonly scope?: ScopeInput | undefined;
  /** Whether what the document does not name stays or goes. Default: `merge`. */
  readonly mode?: 'merge' | 'replace' | undefined;
  /** All or nothing, as one commit or one change request. */
  readonly atomic?: boolean | undefined;
  /** Tells what would change, and changes nothing. */
  readonly dryRun?: boolean | undefined;
  /** false admits an export that was edited by hand. */
  readonly verify?: boolean | undefined;
  readonly force?: boolean | undefined;
  /** Opens the secrets of an export that was sealed with it. */
  readonly passphrase?: string | undefined;
  readonly breakGlass?: string | undefined;
  readonly comment?: string | undefined;
  /** Told how far it has come; the import may then take as long as it takes. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** How far an import has come. */
export interface ImportProgress {
  readonly done: number;
  readonly total: number;
}

/** A key of a document, at the scope that it goes to. */
export interface ImportPlace extends Place {
  readonly key: string;
}

/** What became of a document. */
export interface ImportResult {
  readonly imported: number;
  readonly failed: number;
  /** How many had that value already, or have expired. */
  readonly skipped: number;
  readonly errors: readonly (ImportPlace & { readonly error: string; readonly code: string })[];
  /** What waits for approvals; a dry run makes no request. */
  readonly pendingApproval: readonly (ImportPlace & { readonly requestId: string | null })[];
  /** Of the last commit that it made. */
  readonly revision: number | null;
  /** With `dryRun`, what would change. */
  readonly changes?: readonly (ImportPlace & { readonly diff: readonly Diff[]; readonly requiresApproval: boolean })[];
}

const mediaTypes: Readonly<Record<DocumentFormat, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  env: 'text/plain',
};
const lines = 'application/x-ndjson';

/** The calls on documents. */
export function documentCalls(connection: Connection) {
  return {
    /** The values of a scope as a document; the text, byte for byte. */
    exportConfig: (scope?: ScopeInput, options: ExportOptions = {}) =>
      connection.sendForText(exportCall(scope, options)),

    /** The same bytes as they come, for large documents. It fails where the document is cut off. */
    exportStream: (scope?: ScopeInput, options: ExportOptions = {}) =>
      connection.open(exportCall(scope, options), Infinity, mediaTypes[options.format ?? 'json']),

    /**
     * Writes what a document holds: an export, or an object of keys and values. What single keys are refused for stands in the answer.
     * @throws `passphrase_wrong`, `malformed_document`, `document_changed`, `document_unsupported`, `document_too_large`.
     */
    importConfig: async (data: string, options: ImportOptions = {}): Promise<ImportResult> => {
      const { onProgress } = options;
      const call = importCall(data, options);
      if (onProgress === undefined) return connection.send<ImportResult>(call);
      const stream = await connection.open({ ...call, headers: { ...call.headers, accept: lines } }, Infinity, lines);
      for await (const line of linesOf(stream)) {
        const told = JSON.parse(line) as ImportLine;
        if (told.progress !== undefined) onProgress(told.progress);
        if (told.problem !== undefined) throw problemOf(told.problem);
        if (told.result !== undefined) return told.result;
      }
      throw new StrataClientError(
        'outcome_unknown',
        'The answer ended before the import did. Import it again: what is there already is skipped.',
      );
    },
  };
}

interface ImportLine {
  readonly progress?: ImportProgress;
  readonly result?: ImportResult;
  readonly problem?: { readonly code: ClientErrorCode; readonly detail: string; readonly status: number };
}

function problemOf({ code, detail, status }: NonNullable<ImportLine['problem']>): StrataClientError {
  return new StrataClientError(code, detail, { status });
}

const flag = (value: boolean | undefined): string | undefined => (value === undefined ? undefined : String(value));

function exportCall(scope: ScopeInput | undefined, options: ExportOptions): Call {
  const { format, at, revision, values, subtree, deleted, secrets } = options;
  const query = { format, at, revision, values, secrets, subtree: flag(subtree), deleted: flag(deleted) };
  return { path: '/v1/export', query: { ...scopeQuery(scope), ...query }, headers: passphraseHeader(options) };
}

function importCall(data: string, options: ImportOptions): Call {
  const { format = 'json', scope, mode, atomic, dryRun, verify, force, breakGlass, comment } = options;
  const flags = { atomic: flag(atomic), dryRun: flag(dryRun), verify: flag(verify), force: flag(force) };
  return {
    method: 'POST',
    path: '/v1/import',
    query: { ...scopeQuery(scope), format, mode, ...flags, breakGlass, comment },
    headers: passphraseHeader(options),
    document: { type: mediaTypes[format], content: data },
  };
}

/** Owns the export of values as a document. */
import type { DocumentFormat, ScopeInput } from '@strata/core';
import type { Actor } from './actor.ts';
import { recordAlone } from './audit/record.ts';
import { begin, type Context } from './context.ts';
import { ExportedSecrets } from './export-secrets.ts';
import { parseSelection, type ExportOptions } from './export-selection.ts';
import { exportedSettings } from './export-settings.ts';
import { exportText } from './export-text.ts';

/** What `exportStream` takes besides the scope. */
export interface ExportStreamOptions extends ExportOptions {
  /** Default: `json`. */
  readonly format?: DocumentFormat;
}

/**
 * The layers of a scope as one text. The same state gives the same bytes; `checksum` is the SHA-256 of the canonical JSON of everything else.
 * Keys that the actor may not export or not read are never in it.
 * @throws ConfigurationError `not_permitted`, `invalid_argument`.
 */
export async function exportConfig(
  context: Context,
  actor: Actor,
  scope: ScopeInput,
  format: string,
  options: ExportOptions,
): Promise<string> {
  const parts: string[] = [];
  for await (const part of exportStream(context, actor, scope, { ...options, format: format as DocumentFormat })) {
    parts.push(part);
  }
  return parts.join('');
}

/** The same in pieces, for documents that are large. It is of one revision, however long it takes and whatever is written meanwhile. */
export async function* exportStream(
  context: Context,
  actor: Actor,
  scope: ScopeInput,
  { format = 'json', ...options }: ExportStreamOptions,
): AsyncGenerator<string, void, undefined> {
  begin(context);
  const selection = await parseSelection(context, actor, scope, format, options);
  const { revision, subtree, values, passphrase } = selection;
  const about = { scope: selection.scope, scopeId: selection.scopeId };
  const secrets = passphrase === undefined ? selection.secrets : 'sealed with a passphrase';
  const metadata = { format, revision, values, subtree, secrets };
  // Before anything is handed out: what was exported stands in the log, whatever becomes of the connection.
  await recordAlone(context, [{ operation: 'export', about, actor, success: true, metadata }]);
  const sealing = await ExportedSecrets.of(context, actor, selection);
  yield* exportText(context.environment, selection, exportedSettings(context, actor, selection, sealing), sealing);
}

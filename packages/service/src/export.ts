/** Owns the export of a scope's own layers as a document. */
import { canonicalJson, ConfigurationError, parseScope, type ScopeInput } from '@strata/core';
import { requirePermission, type Place } from './access.ts';
import type { Actor } from './actor.ts';
import { begin, type Context } from './context.ts';
import { sha256 } from './digest.ts';
import { readLayersOfScope } from './store/settings.ts';
import { readVersions } from './store/versions.ts';
import { filterPermitted } from './visibility.ts';

/**
 * The layers of one scope as JSON text: each with its value, version, author, time and comment, by key. The same state gives the
 * same bytes; `checksum` is the SHA-256 of the canonical JSON of everything else. Inherited values are never in it, nor are keys that the actor may not
 * export or not read.
 * @throws ConfigurationError `not_permitted`.
 */
export async function exportConfig(context: Context, actor: Actor, scope: ScopeInput, format: string): Promise<string> {
  begin(context);
  if (format !== 'json') {
    throw new ConfigurationError('invalid_argument', {
      argument: 'format',
      problem: `${JSON.stringify(format)} is not json`,
    });
  }
  const at = parseScope(scope);
  await requirePermission(context, actor, 'export', at, 'list');
  const stored = await readLayersOfScope(context.db, context.environment, at.scope, at.scopeId);
  const toPlace = ({ key }: { readonly key: string }): Place => ({ ...at, key });
  const exported = await filterPermitted(context, actor, 'export', stored, toPlace);
  const heads = await filterPermitted(context, actor, 'read', exported, toPlace);
  const versions = new Map(
    (
      await readVersions(
        context.db,
        heads.map((head) => head.hash),
      )
    ).map((version) => [version.hash, version]),
  );
  const settings = heads.map((head) => {
    const version = versions.get(head.hash);
    if (version === undefined) throw new Error(`configuration_versions has no ${head.hash}; restore it from a backup`);
    const { key, scope: level, scopeId, value, changedBy, comment, expiresAt } = version;
    const told = {
      key,
      scope: level,
      scopeId,
      value,
      version: version.version,
      changedBy,
      changedAt: version.changedAt.toISOString(),
      comment,
    };
    return expiresAt === undefined ? told : { ...told, expiresAt: expiresAt.toISOString() };
  });
  const document = { format: 'strata-export', formatVersion: 1, environment: context.environment, settings };
  return `${JSON.stringify({ ...document, checksum: sha256(canonicalJson(document)) }, null, 2)}\n`;
}

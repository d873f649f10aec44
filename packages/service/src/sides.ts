/** Owns the sides of a comparison: values of a scope now or then, under a tag, in another environment, or in a document. */
import {
  ConfigurationError,
  formatScope,
  globalScope,
  maskSecrets,
  parseId,
  parseJsonValue,
  parseKey,
  parseScope,
  parseTag,
  secretPaths,
  type ComparedSetting,
  type ComparedSide,
  type DocumentFormat,
  type ScopeInput,
  type ScopeRef,
} from '@strata/core';
import type { Actor } from './actor.ts';
import { requirePermission } from './access.ts';
import type { Context } from './context.ts';
import { effectiveValues } from './export-effective.ts';
import { inEnvironment } from './environments.ts';
import { parseFormat, parseSelection, selectedLayers, type ExportOptions } from './export-selection.ts';
import { readImport } from './import-document.ts';
import { readScopeAt } from './store/versions.ts';
import { filterPermitted } from './visibility.ts';
import { tellingNoNames } from './secrets/refused-secrets.ts';

/** Values that are stored: at a scope, now or at a past time. */
export interface StoredSide extends ScopeInput, Omit<ExportOptions, 'deleted' | 'secrets' | 'passphrase'> {
  /** Each key's version that bears this tag, in the place of a time. */
  readonly tag?: string;
  /** Another environment of this store. Default: that of the service. */
  readonly environment?: string;
}

/** Values in a document: an export, or an object of keys and values. */
export interface DocumentSide {
  readonly document: string;
  /** Default: `json`. */
  readonly format?: DocumentFormat;
  /** Where an object of keys and values belongs. Default: global. */
  readonly scope?: ScopeInput['scope'];
  readonly scopeId?: ScopeInput['scopeId'];
  /** Whether an export is refused whose checksum is missing or wrong. Default: true. */
  readonly verify?: boolean;
}

/** One side of a comparison. */
export type Side = StoredSide | DocumentSide;

/** A side that was read. */
export interface ReadSide extends ComparedSide {
  readonly isSubtree: boolean;
  /** The revision that it was read at; that of its export for a document. */
  readonly revision: number | null;
  /** What people call it. */
  readonly name: string;
}

/** Reads a side, as far as the actor may. @throws ConfigurationError `not_permitted`, and what a document is refused for. */
export async function readSide(context: Context, actor: Actor, side: Side): Promise<ReadSide> {
  if (typeof side !== 'object' || (side as unknown) === null) refuse('side', 'give { scope, scopeId } or { document }');
  return 'document' in side ? documentSide(context, side) : storedSide(context, actor, side);
}

async function documentSide(context: Context, side: DocumentSide): Promise<ReadSide> {
  const bundle = await readImport(side.document, parseFormat(side.format ?? 'json'), side.verify ?? true);
  const given = side.scope === undefined ? undefined : parseScope({ scope: side.scope, scopeId: side.scopeId });
  const { selection } = bundle;
  const top: ScopeRef = selection ?? given ?? globalScope;
  const settings: ComparedSetting[] = [];
  for (const { key: name, scope, value: given } of bundle.settings) {
    if (given === undefined) continue;
    const at = selection === undefined ? top : scope;
    const key = parseKey(name);
    const value = await tellingNoNames(context, key, () => parseJsonValue(given));
    settings.push({ key, scope: at.scope, scopeId: at.scopeId, value: maskSecrets(value) });
  }
  const from = selection === undefined ? 'a file' : `an export of ${formatScope(top)}`;
  const revision = bundle.throughRevision ?? null;
  const plain = { scope: top.scope, scopeId: top.scopeId };
  return { top: plain, settings, isSubtree: selection?.subtree === true, revision, name: from };
}

async function storedSide(context: Context, actor: Actor, side: StoredSide): Promise<ReadSide> {
  const { scope, scopeId, tag, environment, ...options } = side;
  const inside = environment === undefined ? context : inEnvironment(context, parseId(environment, 'environment'));
  const at = { scope, ...(scopeId === undefined ? {} : { scopeId }) };
  const where = environment === undefined ? '' : ` in ${environment}`;
  if (tag !== undefined) return taggedSide(inside, actor, parseScope(at), tag, options, where);
  const selection = await parseSelection(inside, actor, at, 'json', options, ['read']);
  const settings: ComparedSetting[] = [];
  const masked = await maskingOf(inside);
  if (selection.values === 'effective') {
    for await (const page of effectiveValues(inside, actor, selection)) settings.push(...page);
  } else {
    for await (const page of selectedLayers(inside, actor, selection)) {
      for (const { key, scope: level, scopeId: id, value } of page) {
        if (value !== undefined) settings.push(masked({ key, scope: level, scopeId: id, value }));
      }
    }
  }
  const top = { scope: selection.scope, scopeId: selection.scopeId };
  const { revision } = selection;
  return {
    top,
    settings,
    isSubtree: selection.subtree,
    revision,
    name: `${formatScope(top)}${where} at revision ${String(revision)}`,
  };
}

async function taggedSide(
  context: Context,
  actor: Actor,
  top: ScopeRef,
  tag: string,
  options: ExportOptions,
  where: string,
): Promise<ReadSide> {
  if (Object.values(options).some((value) => value !== undefined)) {
    refuse('tag', 'a tag marks versions of one scope; leave subtree, at, revision and values out beside it');
  }
  await requirePermission(context, actor, 'read', top, 'list');
  const versions = await readScopeAt(context.db, context.environment, top, { tag: parseTag(tag) });
  const seen = await filterPermitted(context, actor, 'read', versions, ({ key }) => ({ ...top, key }));
  if (seen.length === 0)
    throw new ConfigurationError('version_not_found', { version: tag, key: `any key at ${formatScope(top)}` });
  const masked = await maskingOf(context);
  const settings = seen.flatMap(({ key, deleted, value }) => (deleted ? [] : [masked({ key, ...top, value })]));
  return { top, settings, isSubtree: false, revision: null, name: `the tag ${tag} of ${formatScope(top)}${where}` };
}

/** Masks the secrets of a side: a comparison tells neither what they are nor whether they differ. */
export async function maskingOf({ db, ruleBook }: Context): Promise<(setting: ComparedSetting) => ComparedSetting> {
  const { byKey } = await ruleBook.now(db);
  return (setting) => {
    const { key, value } = setting;
    return { ...setting, value: maskSecrets(value, secretPaths(byKey.get(key)?.definition, value)) };
  };
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}

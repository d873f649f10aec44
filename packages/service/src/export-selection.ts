/** Owns what is selected of a store to be exported: which scopes, as of which revision, in pages. */
import {
  ConfigurationError,
  documentFormats,
  parseScope,
  type Address,
  type DocumentFormat,
  type Permission,
  type ScopeInput,
  type ScopeRef,
} from '@strata/core';
import type { Actor } from './actor.ts';
import { requirePermission } from './access.ts';
import type { Context } from './context.ts';
import { parseCount } from './history.ts';
import { parsePassphrase } from './passphrase.ts';
import { revisionAt } from './store/commits.ts';
import { readProgress } from './store/counter.ts';
import { readLayersAt, readScopesBelow, type ExportedLayer } from './store/exports.ts';
import { parseTime } from './time.ts';
import { filterPermitted } from './visibility.ts';

/** What is exported, besides the scope. */
export interface ExportOptions {
  /** Also the scopes that inherit from it; at global everything. Default: false. */
  readonly subtree?: boolean;
  /** As it was at that time. Default: as it is. */
  readonly at?: Date | string;
  /** As it was right after that commit. */
  readonly revision?: number;
  /**
   * `own`: what is stored at the scope, to be imported again. `effective`: what is read there, with all that is inherited and the defaults of
   * schemas; it is for programs that read files, and cannot be imported. Default: `own`.
   */
  readonly values?: 'own' | 'effective';
  /** Also tells which keys had a value and have none any more, so that an import removes them. Default: false. */
  readonly deleted?: boolean;
  /**
   * What stands in the place of secrets. `sealed`: what opens in a store that has the key they are encrypted under, as `CONFIG_ENCRYPTION_KEY`
   * or its key file holds it; with a passphrase in whichever store. `masked`: a mask, which cannot be imported. `omitted`: nothing, so that
   * an import leaves what is there. Secrets that the actor may not read are masked. Default: `sealed`, for effective values `masked`.
   */
  readonly secrets?: 'sealed' | 'masked' | 'omitted';
  /** Seals the secrets with a key that comes from this text of 8 or more characters, in the place of the store's own. */
  readonly passphrase?: string;
}

/** What is exported. */
export interface Selection extends ScopeRef {
  readonly format: DocumentFormat;
  readonly subtree: boolean;
  readonly revision: number;
  readonly values: 'own' | 'effective';
  readonly deleted: boolean;
  readonly secrets: 'sealed' | 'masked' | 'omitted';
  readonly passphrase: string | undefined;
  /** What the actor needs for each key in it. */
  readonly permissions: readonly Permission[];
}

const optionNames: ReadonlySet<string> = new Set([
  'subtree',
  'at',
  'revision',
  'values',
  'deleted',
  'secrets',
  'passphrase',
]);

/**
 * Checks what is to be exported, and that the actor may.
 * @param permissions what he needs for it, and for each key in it.
 */
export async function parseSelection(
  context: Context,
  actor: Actor,
  scope: ScopeInput,
  format: string,
  options: ExportOptions,
  permissions: readonly Permission[] = ['export', 'read'],
): Promise<Selection> {
  const known = parseFormat(format);
  const unknown = Object.keys(options).find((name) => !optionNames.has(name));
  if (unknown !== undefined) refuse(unknown, `there is no such option; there are ${[...optionNames].join(', ')}`);
  const { subtree = false, values = 'own', deleted = false } = options;
  if (values !== 'own' && (values as unknown) !== 'effective') refuse('values', 'give own or effective');
  if (known === 'env' && subtree) refuse('subtree', 'env holds the values of one scope; take json or yaml');
  if (known === 'env' && deleted) refuse('deleted', 'env has no form for what is deleted; take json or yaml');
  if (values === 'effective' && deleted) refuse('deleted', 'effective values have no deleted ones');
  const secrets = secretsOf(values, options);
  const passphrase = parsePassphrase(options.passphrase);
  const at = parseScope(scope);
  for (const permission of permissions) await requirePermission(context, actor, permission, at, 'list');
  return {
    ...at,
    permissions,
    format: known,
    subtree,
    values,
    deleted,
    secrets,
    passphrase,
    revision: await revisionOf(context, options),
  };
}

function secretsOf(values: 'own' | 'effective', { secrets, passphrase }: ExportOptions): Selection['secrets'] {
  if (secrets !== undefined && !['sealed', 'masked', 'omitted'].includes(secrets))
    refuse('secrets', 'give sealed, masked or omitted');
  if (values === 'effective' && (secrets === 'sealed' || passphrase !== undefined))
    refuse('secrets', 'effective values cannot be imported, so their secrets are masked or omitted');
  if (passphrase !== undefined && secrets !== undefined && secrets !== 'sealed')
    refuse('passphrase', `it seals secrets, and they are to be ${secrets}`);
  return secrets ?? (values === 'own' ? 'sealed' : 'masked');
}

/** @throws ConfigurationError `invalid_argument`. */
export function parseFormat(format: string): DocumentFormat {
  const known = documentFormats.find((name) => name === format);
  return known ?? refuse('format', `${JSON.stringify(format)} is none of ${documentFormats.join(', ')}`);
}

async function revisionOf({ db }: Context, { at, revision }: ExportOptions): Promise<number> {
  if (at !== undefined && revision !== undefined) refuse('revision', 'give either a time or a revision');
  if (at !== undefined) return revisionAt(db, parseTime(at, 'at'));
  const now = await readProgress(db);
  if (revision === undefined) return now.revision;
  return parseCount(revision, 'revision', Math.max(now.revision, 1));
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}

/** How many layers are read at once. */
const pageSize = 1000;
/** How many scopes are read at once. */
const scopesAtOnce = 200;

/**
 * The layers of a selection as they were at its revision, removed ones too, by scope, id and key, in pages; those that the actor may not
 * export or not read are left out.
 */
export async function* selectedLayers(
  context: Context,
  actor: Actor,
  selection: Selection,
): AsyncGenerator<readonly ExportedLayer[], void, undefined> {
  const { db, environment } = context;
  for (const scopes of await scopesOf(context, selection)) {
    let after: Address | undefined;
    for (;;) {
      const page = await readLayersAt(db, environment, selection.revision, scopes, after, pageSize);
      yield await permitted(context, actor, selection, page);
      after = page.at(-1);
      if (page.length < pageSize) break;
    }
  }
}

/** The scopes of a selection, in groups that are read at once; undefined for all there are. */
async function scopesOf(
  { db, environment }: Context,
  { scope, scopeId, subtree, revision }: Selection,
): Promise<readonly (readonly ScopeRef[] | undefined)[]> {
  if (!subtree) return [[{ scope, scopeId }]];
  if (scope === 'global') return [undefined];
  const below = await readScopesBelow(db, environment, { scope, scopeId }, revision);
  const groups: ScopeRef[][] = [];
  for (let start = 0; start < below.length; start += scopesAtOnce)
    groups.push(below.slice(start, start + scopesAtOnce));
  return groups;
}

/** Those of some things that the actor may have for a selection. */
export async function permitted<T extends Address>(
  context: Context,
  actor: Actor,
  { permissions }: Selection,
  things: readonly T[],
): Promise<readonly T[]> {
  let left = things;
  for (const permission of permissions) {
    left = await filterPermitted(context, actor, permission, left, ({ key, scope, scopeId }) => ({
      key,
      scope,
      scopeId,
    }));
  }
  return left;
}

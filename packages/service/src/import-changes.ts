/** Owns what a document would change: which addresses, to which values, and which of its entries cannot be at all. */
import {
  collectionOf,
  ConfigurationError,
  formatAddress,
  formatScope,
  isCollection,
  isConfigurationError,
  jsonText,
  parseJsonValue,
  parseKey,
  parseLayer,
  refuseSealed,
  sameScope,
  scopes,
  spreadEntries,
  type Address,
  type Bundle,
  type JsonValue,
  type Permission,
  type ScopeRef,
} from '@strata/core';
import type { Actor } from './actor.ts';
import { requirePermission } from './access.ts';
import type { Context } from './context.ts';
import { openSettings, type OpenedSetting } from './import-secrets.ts';
import { actionOf, type ValueChange } from './intent.ts';
import { withoutSecretNames } from './secrets/refused-secrets.ts';
import { readLayersAt, readScopesBelow } from './store/exports.ts';
import { readProgress } from './store/counter.ts';
import { readNow } from './store/clock.ts';
import { parseTime } from './time.ts';
import { filterPermitted } from './visibility.ts';

/** Why an entry was not imported. */
export interface Failure extends ScopeRef {
  readonly key: string;
  readonly error: ConfigurationError;
}

/** What a document asks for. */
export interface ImportChanges {
  /** From global down, so that what is inherited is there before what relies on it. */
  readonly changes: readonly ValueChange[];
  readonly failures: readonly Failure[];
  /** How many entries have no meaning any more, since their time has passed, or were left out of the document. */
  readonly skipped: number;
}

/** How a document is applied. */
export interface TargetOptions {
  /** The scope that a document of one scope goes to, in the place of its own. */
  readonly scope: ScopeRef | undefined;
  readonly replace: boolean;
  readonly force: boolean;
}

/**
 * The changes that a document asks for at its addresses, and with `replace` the removal of what is stored besides.
 * @param passphrase opens its secrets, where it was sealed with one.
 * @throws ConfigurationError `invalid_argument` for a scope that a document of several cannot go to, `replaces_everything`, `not_permitted`,
 *   and what secrets are refused for that concern the whole document.
 */
export async function changesOf(
  context: Context,
  actor: Actor,
  bundle: Bundle,
  passphrase: string | undefined,
  options: TargetOptions,
): Promise<ImportChanges> {
  if (options.scope !== undefined) requireOneScope(bundle, options.scope);
  const now = await readNow(context.db);
  const changes: ValueChange[] = [];
  const failures: Failure[] = [];
  const omitted: Address[] = [];
  const places = new Map<string, ScopeRef>();
  // Only what is in a collection can be named in two ways.
  const entries = new Set<string>();
  let expired = 0;
  for await (const setting of openSettings(context, actor, bundle, passphrase)) {
    const { key, scope: own, isOmitted } = setting;
    const scope = options.scope ?? own;
    places.set(nameOf(scope), scope);
    if (isOmitted) {
      omitted.push({ key: String(key), ...scope });
      continue;
    }
    for (const change of toChanges({ ...setting, scope })) {
      const isNew = collectionOf(change.key) === undefined || entries.size < entries.add(formatAddress(change)).size;
      if ('error' in change)
        failures.push({ ...change, error: await withoutSecretNames(context, change.key, change.error) });
      else if (!isNew) failures.push(toFailure(change, 'it stands there twice, as an entry and in its collection'));
      else if (change.expiresAt !== undefined && change.expiresAt <= now) expired += 1;
      else changes.push(change);
    }
  }
  if (options.replace) {
    // What is refused, and what was left out, stays as it is.
    const kept = [...failures, ...omitted];
    changes.push(...(await removals(context, actor, bundle, options, places, changes, kept)));
  }
  const permitted = await permittedChanges(context, actor, changes, ['import']);
  return {
    changes: inOrder(permitted.changes),
    failures: [...failures, ...permitted.failures],
    skipped: expired + omitted.length,
  };
}

function requireOneScope({ settings, selection }: Bundle, scope: ScopeRef): void {
  if (selection?.subtree !== true && isOfOneScope(settings)) return;
  throw new ConfigurationError('invalid_argument', {
    argument: 'scope',
    problem: `the document is of several scopes and cannot go to ${formatScope(scope)} alone; leave the scope out, or export one scope`,
  });
}

function isOfOneScope(settings: Bundle['settings']): boolean {
  let first: ScopeRef | undefined;
  for (const { scope } of settings) {
    if (!sameScope(scope, (first ??= scope))) return false;
  }
  return true;
}

/** The change that a setting asks for; several for a collection with its entries as one value. */
function toChanges(setting: OpenedSetting): readonly (ValueChange | Failure)[] {
  const { key, value, refusal } = setting;
  if (refusal !== undefined) return [{ key: String(key), ...setting.scope, error: refusal }];
  if (typeof key !== 'string' || !isCollection(key) || value === undefined) return [toChange(setting)];
  try {
    return spreadEntries(key, value).map(([entry, layer]) =>
      toChange({ ...setting, key: entry, value: layer as JsonValue }),
    );
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return [{ key, ...setting.scope, error }];
  }
}

function toFailure({ key, scope, scopeId }: Address, problem: string): Failure {
  return { key, scope, scopeId, error: new ConfigurationError('invalid_argument', { argument: 'data', problem }) };
}

function toChange({ key, scope, value, expiresAt, place, secrets }: OpenedSetting): ValueChange | Failure {
  try {
    const address = { key: parseKey(key), ...scope };
    if (value === undefined) return { ...address, value };
    const layer = parseLayer(refuseSealed(parseJsonValue(value)));
    jsonText(layer);
    return {
      ...address,
      value: layer,
      ...(secrets === undefined ? {} : { secrets }),
      expiresAt: expiresAt === undefined ? undefined : parseTime(expiresAt, `${place}.expiresAt`),
    };
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return { key: String(key), ...scope, error };
  }
}

/** The removal of whatever is stored in the scopes of a document and not in it, as far as the actor may see it. */
async function removals(
  context: Context,
  actor: Actor,
  { selection }: Bundle,
  { scope, force }: TargetOptions,
  places: ReadonlyMap<string, ScopeRef>,
  changes: readonly ValueChange[],
  kept: readonly Address[],
): Promise<ValueChange[]> {
  const { db, environment } = context;
  const { revision } = await readProgress(db);
  const top: ScopeRef = scope ?? selection ?? { scope: 'global', scopeId: '' };
  const isWhole = scope === undefined && selection?.subtree === true;
  const everywhere = isWhole && top.scope === 'global';
  const named = new Map([[nameOf(top), top], ...places]);
  if (isWhole && !everywhere) {
    for (const below of await readScopesBelow(db, environment, top, revision)) named.set(nameOf(below), below);
  }
  const known = new Set([...changes, ...kept].map(formatAddress));
  const stored: Address[] = [];
  for (let after: Address | undefined; ;) {
    const page = await readLayersAt(
      db,
      environment,
      revision,
      everywhere ? undefined : [...named.values()],
      after,
      1000,
    );
    stored.push(
      ...page
        .filter(({ value }) => value !== undefined)
        .map(({ key, scope: at, scopeId }) => ({ key, scope: at, scopeId })),
    );
    after = page.at(-1);
    if (page.length < 1000) break;
  }
  const seen = await filterPermitted(context, actor, 'read', stored, (address) => address);
  const surplus = seen.filter((address) => !known.has(formatAddress(address)));
  if (kept.length === 0 && changes.every(({ value }) => value === undefined) && surplus.length > 0 && !force) {
    throw new ConfigurationError('replaces_everything', { scope: formatScope(top), count: surplus.length });
  }
  return surplus.map((address) => ({ ...address, value: undefined }));
}

const nameOf = ({ scope, scopeId }: ScopeRef): string => `${scope}\0${scopeId}`;

/**
 * The changes that an actor may make, and the refusal of each other one.
 * @param besides what he needs besides `write` and `delete`.
 */
export async function permittedChanges(
  context: Context,
  actor: Actor,
  changes: readonly ValueChange[],
  besides: readonly Permission[],
): Promise<Pick<ImportChanges, 'changes' | 'failures'>> {
  let permitted = changes;
  for (const action of besides)
    permitted = await filterPermitted(context, actor, action, permitted, (change) => change);
  for (const action of new Set(changes.map(actionOf))) {
    const asked = permitted.filter((change) => actionOf(change) === action);
    const answer = await filterPermitted(context, actor, action, asked, (change) => change);
    if (answer.length === asked.length) continue;
    const allowed = new Set(answer);
    permitted = permitted.filter((change) => actionOf(change) !== action || allowed.has(change));
  }
  if (permitted.length === changes.length) return { changes, failures: [] };
  const allowed = new Set(permitted);
  const failures: Failure[] = [];
  for (const change of changes) {
    if (!allowed.has(change)) failures.push(await refusedChange(context, actor, change, besides));
  }
  return { changes: permitted, failures };
}

/** Asks again about one change, so that its refusal is noted as every other one is. */
async function refusedChange(
  context: Context,
  actor: Actor,
  change: ValueChange,
  besides: readonly Permission[],
): Promise<Failure> {
  const { key, scope, scopeId } = change;
  try {
    for (const action of [...besides, actionOf(change)]) await requirePermission(context, actor, action, change);
  } catch (error) {
    if (isConfigurationError(error, 'not_permitted')) return { key, scope, scopeId, error };
    throw error;
  }
  throw new Error(`the permission for ${formatAddress(change)} changed while it was asked for; import again`);
}

function inOrder(changes: readonly ValueChange[]): readonly ValueChange[] {
  const rank = new Map(scopes.map((scope, index) => [scope, index]));
  return [...changes].sort((a, b) => (rank.get(a.scope) ?? 0) - (rank.get(b.scope) ?? 0));
}

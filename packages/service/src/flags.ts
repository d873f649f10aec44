/** Owns what is done with flags by name: listing them, and changing one part of one. */
import {
  collectionOf,
  ConfigurationError,
  entryKey,
  entryName,
  formatScope,
  globalScope,
  globMatcher,
  isConfigurationError,
  isDefinitionName,
  isJsonObject,
  parseScope,
  parseScopeContext,
  resolveChain,
  shortVersion,
  type Address,
  type ConfigScope,
  type ConfigVersion,
  type FeatureFlag,
  type JsonObject,
  type ScopeContext,
  type ScopeInput,
} from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { begin, type Context } from './context.ts';
import type { DryRun } from './dry-run.ts';
import { readableFlags } from './flag-evaluation.ts';
import type { EffectiveEntry } from './flag-layers.ts';
import { needsLinks } from './flag-place.ts';
import { readSettings, type Head } from './store/settings.ts';
import { writeOne, type WriteOptions } from './write.ts';

/** The last argument of calls that change a flag. */
export interface FlagChangeOptions extends Omit<WriteOptions, 'expiresAt'> {
  /** Who does it. Default: the actor of `as`, else `system`. */
  readonly actor?: string;
  readonly comment?: string;
  /** The scope whose layer is changed. Default: global. */
  readonly scope?: ScopeInput;
}

/** Which flags are listed, and as seen from where. */
export interface FlagFilter {
  /** The scope whose flags are listed, merged with what it inherits. Default: global. */
  readonly scope?: ScopeContext;
  /** Only those that are enabled, or are not. */
  readonly enabled?: boolean;
  /** Archived flags instead of the others, or all. Default: the others. */
  readonly archived?: boolean | 'all';
  /** A name, or a glob of names. */
  readonly name?: string;
  readonly tag?: string;
  readonly owner?: string;
  /** Only those with a rule for this segment. */
  readonly segment?: string;
  /** Only those that have this flag as a prerequisite. */
  readonly prerequisite?: string;
}

/** A flag as it is at a scope. */
export interface FlagRecord extends FeatureFlag {
  /** 100 where the flag does not say. */
  readonly rolloutPercentage: number;
  readonly archived: boolean;
  /** The version of the layer nearest to the scope, and where that is. */
  readonly version: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  /** The revision of the last change of any of its layers on the chain. */
  readonly revision: number;
}

/** How often a change of one part is tried again because another part was changed meanwhile. */
const maxTries = 5;

/** The flags that an actor may read at a scope, by name. Takes no query once flags are loaded. */
export async function listFlags(context: Context, actor: Actor, filter: FlagFilter): Promise<FlagRecord[]> {
  const isWanted = wanted(filter);
  const found = await flagsAt(context, actor, filter.scope);
  return found.filter(isWanted);
}

/** One flag at a scope. @throws ConfigurationError `flag_not_found`. */
export async function getFlag(
  context: Context,
  actor: Actor,
  name: string,
  scope: ScopeContext | undefined,
): Promise<FlagRecord> {
  const key = flagKey(name);
  const request = parseScopeContext(scope);
  await requirePermission(context, actor, 'read', { ...request, key });
  const { chain } = await chainAt(context, scope);
  const record = toRecord(name, context.flags.layers.effective(key, chain));
  if (record === undefined) throw new ConfigurationError('flag_not_found', { name, scope: formatScope(request) });
  return record;
}

async function flagsAt(context: Context, actor: Actor, scope: ScopeContext | undefined): Promise<FlagRecord[]> {
  const { chain, request } = await chainAt(context, scope);
  const { layers } = context.flags;
  const names = [...layers.keys()]
    .filter((key) => collectionOf(key) === 'feature_flags')
    .map(entryName)
    .sort();
  const readable = await readableFlags(context, actor, names, request);
  return readable.flatMap((name) => toRecord(name, layers.effective(entryKey('feature_flags', name), chain)) ?? []);
}

async function chainAt(context: Context, scope: ScopeContext | undefined) {
  begin(context);
  const { db, environment, flags } = context;
  const request = parseScopeContext(scope);
  await flags.load();
  const links = needsLinks(flags.layers, request)
    ? (flags.parents.find(request) ?? (await flags.parents.look(db, environment, request)))
    : [];
  return { request, chain: resolveChain(request, links) };
}

function toRecord(name: string, entry: EffectiveEntry | undefined): FlagRecord | undefined {
  if (entry === undefined || !isJsonObject(entry.value)) return undefined;
  const flag = { ...entry.value, name } as unknown as FeatureFlag;
  const { scope, scopeId, hash } = entry.nearest;
  return Object.freeze({
    ...flag,
    rolloutPercentage: flag.rolloutPercentage ?? 100,
    archived: flag.archived === true,
    version: shortVersion(hash),
    scope,
    scopeId: scope === 'global' ? null : scopeId,
    revision: entry.revision,
  });
}

function wanted({ enabled, archived = false, name, tag, owner, segment, prerequisite }: FlagFilter) {
  const matches = name === undefined ? undefined : globMatcher(name);
  return (flag: FlagRecord): boolean =>
    (archived === 'all' || flag.archived === archived) &&
    (enabled === undefined || flag.enabled === enabled) &&
    (matches === undefined || matches(flag.name)) &&
    (tag === undefined || (flag.tags ?? []).includes(tag)) &&
    (owner === undefined || flag.owner === owner) &&
    (segment === undefined || (flag.rules ?? []).some((rule) => rule.segment === segment)) &&
    (prerequisite === undefined || (flag.prerequisites ?? []).some((other) => other.flag === prerequisite));
}

type Dryable = FlagChangeOptions & { readonly dryRun?: boolean };

/** Sets the percentage of a flag's own rollout. */
export async function setFlagRollout(
  context: Context,
  actor: Actor,
  name: string,
  percentage: number,
  options: Dryable,
): Promise<ConfigVersion | DryRun> {
  return changeFlag(context, actor, name, options, ['rollout', percentage], () => ({ rolloutPercentage: percentage }));
}

/** Switches a flag on or off. @param enabled default: what it is not now. */
export async function toggleFlag(
  context: Context,
  actor: Actor,
  name: string,
  enabled: boolean | undefined,
  options: Dryable,
): Promise<ConfigVersion | DryRun> {
  return changeFlag(context, actor, name, options, ['toggle', enabled ?? null], (flag) => ({
    enabled: enabled ?? !flag.enabled,
  }));
}

/** Archives a flag: off for good, its name taken for good. */
export async function archiveFlag(
  context: Context,
  actor: Actor,
  name: string,
  options: Dryable,
): Promise<ConfigVersion | DryRun> {
  return changeFlag(context, actor, name, options, ['archive'], () => ({ archived: true }));
}

/**
 * Changes one part of a flag's layer at a scope, and leaves the rest of it as it is then: of two who change two parts at once neither undoes
 * the other's change. Where the scope has no layer of the flag, the part alone becomes one.
 */
async function changeFlag(
  context: Context,
  actor: Actor,
  name: string,
  options: Dryable,
  asked: readonly (string | number | boolean | null)[],
  change: (flag: FlagRecord) => JsonObject,
): Promise<ConfigVersion | DryRun> {
  begin(context);
  const key = flagKey(name);
  const { scope, scopeId } = options.scope === undefined ? globalScope : parseScope(options.scope);
  const address: Address = { key, scope, scopeId };
  await requirePermission(context, actor, 'flags', address);
  for (let tries = 1; ; tries += 1) {
    const { flag, head } = await flagNow(context, address);
    const layer = isJsonObject(head?.value) ? head.value : {};
    const isArchiving = asked[0] === 'archive';
    const written = {
      ...address,
      value: { ...layer, ...change(flag) },
      expected:
        head === undefined ? { text: 'no value', prefix: null } : { text: shortVersion(head.hash), prefix: head.hash },
      // What is archived is so for good.
      expiresAt: isArchiving ? undefined : head?.expiresAt,
    };
    try {
      const words = [...asked, key, formatScope(address)];
      return await writeOne(context, actor, written, options.comment, { ...options, action: 'flags' }, words);
    } catch (error) {
      const isOvertaken = options.ifVersion === undefined && isConfigurationError(error, 'conflict');
      if (!isOvertaken || tries >= maxTries) throw error;
    }
  }
}

/** The flag as it is at a scope, and its own layer there. @throws ConfigurationError `flag_not_found`. */
async function flagNow(
  context: Context,
  address: Address,
): Promise<{ readonly flag: FlagRecord; readonly head: Head | undefined }> {
  const { db, environment, flags } = context;
  await flags.load();
  await flags.refresh(db);
  const name = entryName(address.key);
  const { scope, scopeId } = address;
  const { chain } = await chainAt(context, scope === 'global' ? undefined : { scope, scopeId });
  const flag = toRecord(name, flags.layers.effective(address.key, chain));
  if (flag === undefined) throw new ConfigurationError('flag_not_found', { name, scope: formatScope(address) });
  const [head] = await readSettings(db, environment, [address]);
  return { flag, head };
}

/** The key of a flag. @throws ConfigurationError `flag_not_found` for what no flag can be called. */
function flagKey(name: string): string {
  if (typeof name === 'string' && isDefinitionName(name)) return entryKey('feature_flags', name);
  throw new ConfigurationError('flag_not_found', {
    name: typeof name === 'string' ? name.slice(0, 200) : typeof name,
    scope: 'any scope',
  });
}

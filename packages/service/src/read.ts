/** Owns reading effective values from where processes share them, and from the database in one query. */
import {
  authorityChains,
  joinPaths,
  maskSecrets,
  mergeLayers,
  parseScopeContext,
  resolveChain,
  sameScope,
  sealedPaths,
  secretPaths,
  type ConfigScope,
  type JsonValue,
  type ScopeContext,
  type ScopeLink,
  type ScopeRequest,
  type ScopeRef,
} from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { isExplicit } from './cache-places.ts';
import { begin, type Context, type Loaded } from './context.ts';
import type { Rule, Rules } from './rules.ts';
import type { HeldSecret, Opened } from './secrets/vault.ts';
import { readChain, readLayers, type ChainRead, type KeySelection, type Layer } from './store/layers.ts';
import type { Head } from './store/settings.ts';

/** The scopes that a read at a scope inherits along. */
export async function getScopeChain(
  context: Context,
  actor: Actor,
  scope: ScopeContext | undefined,
): Promise<{ scope: ConfigScope; scopeId: string | null }[]> {
  begin(context);
  const request = parseScopeContext(scope);
  await requirePermission(context, actor, 'read', request, 'list');
  const { links } = await readLayers(context.db, context.environment, [], request);
  return resolveChain(request, links).map((at) => ({
    scope: at.scope,
    scopeId: at.scope === 'global' ? null : at.scopeId,
  }));
}

/** Takes what the processes of this store share, and reads the rest. */
export async function loadShared(context: Context, keys: readonly string[], request: ScopeRequest): Promise<Loaded> {
  const { access, shared, feed } = context;
  // What is shared does not tell who may read a value for which parents were named.
  if (shared === undefined || (isExplicit(request) && !access.isOpen)) return load(context, keys, request);
  const found = await shared.find(keys, request);
  const values = new Map([...found].map(([key, { value }]) => [key, value]));
  const authority = isExplicit(request) ? undefined : [...found.values()].map(({ chain }) => chain);
  const secrets = new Map<string, HeldSecret>();
  const known = { values, secrets, revision: feed.revision ?? 0, since: feed.contact, authority, progress: undefined };
  const missing = keys.filter((key) => !found.has(key));
  if (missing.length === 0) return known;
  const loaded = await load(context, missing, request);
  if (found.size === 0) return loaded;
  return {
    values: new Map([...values, ...loaded.values]),
    secrets: loaded.secrets,
    revision: Math.max(loaded.revision, known.revision),
    since: Math.min(loaded.since, known.since),
    authority:
      authority === undefined || loaded.authority === undefined ? undefined : [...authority, ...loaded.authority],
    progress: loaded.progress,
  };
}

/** Reads and keeps effective values until what was read is at least as new as what this process knows of. */
export async function load(context: Context, keys: KeySelection, request: ScopeRequest): Promise<Loaded> {
  const { access, cache, shared } = context;
  for (;;) {
    const since = performance.now();
    const forgotten = cache?.forgotten;
    const mark = shared?.mark;
    const read = await readAlongChain(context, keys, request);
    context.feed.follow(read.revision);
    const rules = await context.ruleBook.at(context.db, read);
    if (rules.revision !== read.rulesRevision) continue;
    await access.at(context.db, read);
    const { values, secrets } = await effectiveValues(context, keys, read, rules);
    const { chain, beside, revision, authority } = read;
    const loaded: Loaded = { values, secrets, revision, since, authority, progress: read };
    if (cache === undefined || keys === undefined || 'within' in keys) return loaded;
    // What was read before somebody asked to forget it is read again.
    if (cache.forgotten !== forgotten) continue;
    if (read.commit !== undefined) context.history?.saw(revision, read.commit);
    const from = { chain, beside, authority };
    const kept = [...values].map(([key, value]) =>
      cache.keep(key, request, value, revision, { key, secret: secrets.get(key), ...from }),
    );
    if (!kept.every(Boolean)) continue;
    if (mark !== undefined) {
      const open = secrets.size === 0 ? values : new Map([...values].filter(([key]) => !secrets.has(key)));
      shared?.offer({ ...read, values: open, request, rules }, mark);
    }
    return loaded;
  }
}

interface AlongChain extends ChainRead, Pick<Loaded, 'authority'> {
  readonly chain: readonly ScopeRef[];
  /** Teams beside the chain whose parents decided which team is on it, or who may read it. */
  readonly beside: readonly ScopeRef[];
}

/** Reads the layers along the chain of a scope: a remembered one if it still holds in what was read, else one looked up with them. */
async function readAlongChain(context: Context, keys: KeySelection, request: ScopeRequest): Promise<AlongChain> {
  const { access, db, environment, chains, shared } = context;
  const explicit = isExplicit(request);
  // Whoever has to be permitted has to be so by registered links, whatever parents are named.
  const known = explicit && !access.isOpen ? undefined : chains.find(request);
  if (known !== undefined) {
    const { chain, decisionRevision } = known;
    const mayHold = holdsSecrets(context, keys);
    let read = await readChain(db, environment, keys, chain, shared !== undefined, mayHold);
    // Versions cost a little, so that they are read only where something needs them.
    if (!mayHold && read.layers.some(({ value }) => sealedPaths(value).length > 0)) {
      read = await readChain(db, environment, keys, chain, shared !== undefined, true);
    }
    if ((decisionRevision ?? read.decisionRevision) === read.decisionRevision)
      return { ...read, chain, beside: [], authority: explicit ? undefined : [chain] };
    chains.moveTo(read.decisionRevision);
  }
  const read = await readLayers(db, environment, keys, request, shared !== undefined);
  const chain = resolveChain(request, read.links);
  chains.remember(request, chain, read.decisionRevision);
  const layers = read.heads.flatMap((head) =>
    head.value === undefined ? [] : { ...head, value: head.value, version: head.hash },
  );
  const beside = explicit ? teamsBeside(request, chain, read.links) : [];
  return { ...read, chain, beside, authority: authorityChains(request, read.links), layers };
}

/** Whether any of some keys (absent: of all) is known to hold secrets. */
function holdsSecrets({ ruleBook }: Context, keys: KeySelection): boolean {
  return (
    keys === undefined || 'within' in keys || keys.some((key) => ruleBook.latest?.byKey.get(key)?.sensitive === true)
  );
}

/** With explicit parents, the parents of all the user's teams decide: from which team of an org a user inherits, and whose user it is. */
function teamsBeside(request: ScopeRequest, chain: readonly ScopeRef[], links: readonly ScopeLink[]): ScopeRef[] {
  return links
    .filter(({ child, parent }) => sameScope(child, request) && parent.scope === 'team')
    .map(({ parent }) => parent)
    .filter((team) => !chain.some((scope) => sameScope(scope, team)));
}

/** Effective values by key, masked where they have secrets, and those with their secrets, kept out of sight. */
interface EffectiveValues {
  readonly values: Map<string, JsonValue>;
  readonly secrets: Map<string, HeldSecret>;
}

async function effectiveValues(
  context: Context,
  keys: KeySelection,
  { chain, layers }: AlongChain,
  rules: Rules,
): Promise<EffectiveValues> {
  const asked = keys === undefined || 'within' in keys ? [] : keys;
  const byKey = new Map<string, Layer[]>(asked.map((key) => [key, []]));
  for (const scope of chain) {
    for (const layer of layers) {
      if (!sameScope(layer, scope)) continue;
      const ofKey = byKey.get(layer.key);
      if (ofKey === undefined) byKey.set(layer.key, [layer]);
      else ofKey.push(layer);
    }
  }
  const values = new Map<string, JsonValue>();
  const secrets = new Map<string, HeldSecret>();
  for (const [key, ofKey] of byKey) {
    const rule = rules.byKey.get(key);
    if (rule?.sensitive !== true && ofKey.every(({ value }) => sealedPaths(value).length === 0)) {
      values.set(key, effective(ofKey, rule));
      continue;
    }
    const opened: Opened[] = [];
    for (const layer of ofKey) opened.push(await openRead(context, layer));
    const whole = effectiveOpened(opened, rule);
    values.set(key, maskSecrets(whole.value, whole.secrets));
    if (whole.secrets.length > 0) secrets.set(key, context.vault.hold(whole.value));
  }
  return { values, secrets };
}

function openRead({ vault, db }: Context, layer: Layer): Promise<Opened> {
  return vault.open(db, layer.value, { ...layer, version: layer.version ?? '' });
}

/** The effective value of layers whose secrets are opened, and where it has secrets. */
export function effectiveOpened(layers: readonly (Opened | undefined)[], rule: Rule | undefined): Opened {
  const value = effective(
    layers.map((layer) => ({ value: layer?.value })),
    rule,
  );
  const stored = layers.flatMap((layer) => layer?.secrets ?? []);
  return { value, secrets: joinPaths(value, secretPaths(rule?.definition, value), stored) };
}

/** The layers of one key merged from global down and completed with defaults; null when nothing is left. */
export function effective(layers: readonly Pick<Head, 'value'>[], rule: Rule | undefined): JsonValue {
  const values = layers.map((head) => head.value).filter((value) => value !== undefined);
  const merged = mergeLayers(values, rule?.definition.merge ?? 'deep');
  if (merged === undefined) return null;
  return rule === undefined ? merged : rule.validator.withDefaults(merged);
}

/** Owns what a commit changed for one scope: its effective values before and after, wherever on its chain the change was made. */
import {
  maskSecrets,
  resolveChain,
  sameJson,
  sameScope,
  type Address,
  type ConfigChange,
  type FeedCommit,
  type JsonValue,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import type { Actor } from './actor.ts';
import { authorOf, toEvent, type KeyFilter } from './change-view.ts';
import type { Context } from './context.ts';
import { readableEffective } from './feed-access.ts';
import { addressName } from './heads.ts';
import { effectiveOpened } from './read.ts';
import type { Rules } from './rules.ts';
import { openLayer } from './secrets/stored-secrets.ts';
import type { Opened } from './secrets/vault.ts';
import type { ChangedLayer, FeedRecord } from './store/feed.ts';
import { readLinks } from './store/scopes.ts';
import { readScopeAt, readVersionsAt } from './store/versions.ts';

/** What effective values are made of besides layers, after a commit. */
interface Basis {
  readonly chain: readonly ScopeRef[];
  readonly rules: Rules;
}

/** The layers of some keys with their secrets opened, by address; undefined where one is absent. */
type Layers = ReadonlyMap<string, Opened | undefined>;

/** Follows the effective values of one scope from commit to commit. What does not concern the scope takes no query. */
export class EffectiveView {
  readonly #context: Context;
  readonly #request: ScopeRequest;
  readonly #filter: KeyFilter;
  readonly #actor: Actor;
  #basis: Basis | undefined;

  /** @param actor who is told of the changes: only of those that he may read when they are told. */
  constructor(context: Context, request: ScopeRequest, filter: KeyFilter, actor: Actor) {
    this.#context = context;
    this.#request = request;
    this.#filter = filter;
    this.#actor = actor;
  }

  /** Forgets what it followed, because the commits up to the next one are not known. */
  forget(): void {
    this.#basis = undefined;
  }

  /** What a commit changed; undefined where nothing that is wanted. Commits are to be handed in in turn, none left out. */
  eventOf(record: FeedRecord): FeedCommit | undefined | Promise<FeedCommit | undefined> {
    if (this.#basis !== undefined && !this.#concerns(record, this.#basis)) return undefined;
    return this.#follow(record);
  }

  #concerns({ operation, about, layers }: FeedRecord, { chain }: Basis): boolean {
    const { matches } = this.#filter;
    switch (operation) {
      case 'change':
        return layers.some((layer) => matches(layer.key) && chain.some((scope) => sameScope(scope, layer)));
      case 'schema':
        return about.key !== null && matches(about.key);
      case 'scope':
      case 'scope-removal':
        return chain.some(({ scope, scopeId }) => scope === about.scope && scopeId === about.scopeId);
      default:
        return false;
    }
  }

  async #follow(record: FeedRecord): Promise<FeedCommit | undefined> {
    const before = this.#basis ?? (await this.#basisAt(record.revision - 1));
    if (!this.#concerns(record, before)) {
      this.#basis = before;
      return undefined;
    }
    const after = record.operation === 'change' ? before : await this.#basisAt(record.revision);
    const changes = await this.#compare(record, before, after);
    const readable = await readableEffective(
      this.#context,
      this.#actor,
      this.#request,
      changes,
      before.chain,
      after.chain,
    );
    this.#basis = after;
    return toEvent(record, readable);
  }

  async #basisAt(revision: number): Promise<Basis> {
    const { db, environment, ruleBook } = this.#context;
    const { teamId } = this.#request;
    const asked: ScopeRef[] = [
      this.#request,
      ...(teamId === undefined ? [] : [{ scope: 'team', scopeId: teamId } as const]),
    ];
    const links = await readLinks(db, environment, asked, revision);
    return { chain: resolveChain(this.#request, links), rules: await ruleBook.asOf(db, revision) };
  }

  async #compare(record: FeedRecord, before: Basis, after: Basis): Promise<ConfigChange[]> {
    const keys = await this.#keysIn(record, before, after);
    const scopes = [
      ...before.chain,
      ...after.chain.filter((scope) => !before.chain.some((one) => sameScope(one, scope))),
    ];
    const now = await this.#layersAt(keys, scopes, record.revision);
    const earlier = new Map(now);
    for (const layer of record.layers) {
      if (keys.includes(layer.key)) earlier.set(addressName(layer), await this.#layerBefore(layer));
    }
    return keys.flatMap((key) => {
      const [was, is] = [valueOf(key, earlier, before), valueOf(key, now, after)];
      if (sameJson(was.value, is.value)) return [];
      const [oldValue, newValue] = [was, is].map(({ value, secrets }) => maskSecrets(value, secrets));
      return [this.#change(record, key, oldValue ?? null, newValue ?? null, after.chain)];
    });
  }

  async #layerBefore({ values, ...at }: ChangedLayer): Promise<Opened | undefined> {
    const { vault, db } = this.#context;
    if (values?.before === undefined) return undefined;
    return vault.open(db, values.before, { ...at, version: values.parent ?? '' });
  }

  async #keysIn({ operation, about, layers, revision }: FeedRecord, before: Basis, after: Basis): Promise<string[]> {
    const { db, environment } = this.#context;
    if (operation === 'schema') return about.key === null ? [] : [about.key];
    const keys = new Set<string>();
    if (operation === 'change') {
      for (const layer of layers) if (before.chain.some((scope) => sameScope(scope, layer))) keys.add(layer.key);
    } else {
      const only = (these: Basis, those: Basis): readonly ScopeRef[] =>
        these.chain.filter((scope) => !those.chain.some((one) => sameScope(one, scope)));
      for (const scope of [...only(before, after), ...only(after, before)]) {
        for (const { key } of await readScopeAt(db, environment, scope, { revision })) keys.add(key);
      }
    }
    return [...keys].filter(this.#filter.matches).sort();
  }

  async #layersAt(keys: readonly string[], scopes: readonly ScopeRef[], revision: number): Promise<Layers> {
    if (keys.length === 0) return new Map();
    const addresses = keys.flatMap((key) => scopes.map(({ scope, scopeId }): Address => ({ key, scope, scopeId })));
    const versions = await readVersionsAt(this.#context.db, this.#context.environment, addresses, revision);
    const layers = new Map<string, Opened | undefined>();
    for (const version of versions) {
      const { key, scope, scopeId } = version;
      layers.set(addressName({ key, scope, scopeId: scopeId ?? '' }), await openLayer(this.#context, version));
    }
    return layers;
  }

  #change(
    record: FeedRecord,
    key: string,
    oldValue: JsonValue,
    newValue: JsonValue,
    chain: readonly ScopeRef[],
  ): ConfigChange {
    const { scope, scopeId } = this.#request;
    const layer = nearest(record, key, chain);
    return Object.freeze({
      key,
      scope,
      scopeId: scope === 'global' ? null : scopeId,
      operation: layer?.values?.operation ?? (record.operation === 'schema' ? 'schema' : 'scope'),
      oldValue,
      newValue,
      ...authorOf(record),
      version: layer?.values?.version ?? null,
      revision: record.revision,
      commit: record.commit,
    });
  }
}

/** The layer of a key that a commit changed nearest to the end of a chain. */
function nearest({ layers }: FeedRecord, key: string, chain: readonly ScopeRef[]): ChangedLayer | undefined {
  return [...chain]
    .reverse()
    .flatMap((scope) => layers.find((layer) => layer.key === key && sameScope(layer, scope)) ?? [])[0];
}

function valueOf(key: string, layers: Layers, { chain, rules }: Basis): Opened {
  const onChain = chain.map(({ scope, scopeId }) => layers.get(addressName({ key, scope, scopeId })));
  return effectiveOpened(onChain, rules.byKey.get(key));
}

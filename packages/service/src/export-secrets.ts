/** Owns what stands in the place of secrets in an export: ciphertext for stores with the same key or with a passphrase, a mask, or nothing. */
import {
  formatPath,
  joinPaths,
  maskSecrets,
  sealedPaths,
  secretPaths,
  type JsonObject,
  type JsonValue,
  type Path,
} from '@strata/core';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import type { Selection } from './export-selection.ts';
import { PassphraseSeal } from './secrets/passphrase-seal.ts';
import { sealedKeyIds, type SealedPlace } from './secrets/vault.ts';
import type { ExportedLayer } from './store/exports.ts';
import { filterPermitted } from './visibility.ts';

/** A layer as an export tells it. */
export interface ToldLayer extends ExportedLayer {
  /** Whether parts of its value are ciphertext. */
  readonly isSealed: boolean;
  /** Whether its value is left out. */
  readonly isOmitted: boolean;
}

/** The secrets of one export. */
export class ExportedSecrets {
  readonly #context: Context;
  readonly #actor: Actor;
  readonly #mode: Selection['secrets'];
  readonly #seal: PassphraseSeal | undefined;
  /** The data keys that the ciphertext needs. */
  readonly #keyIds = new Set<string>();

  private constructor(context: Context, actor: Actor, mode: Selection['secrets'], seal: PassphraseSeal | undefined) {
    this.#context = context;
    this.#actor = actor;
    this.#mode = mode;
    this.#seal = seal;
  }

  static async of(
    context: Context,
    actor: Actor,
    { secrets, passphrase }: Pick<Selection, 'secrets' | 'passphrase'>,
  ): Promise<ExportedSecrets> {
    const seal = passphrase === undefined ? undefined : await PassphraseSeal.make(passphrase);
    return new ExportedSecrets(context, actor, secrets, seal);
  }

  /** What the document says of them at its beginning. */
  get header(): JsonObject {
    return this.#seal === undefined ? {} : { encryption: this.#seal.header };
  }

  /** What the document says of them at its end. */
  async trailer(): Promise<JsonObject> {
    const wrappedKeys: JsonValue[] = [];
    for (const id of [...this.#keyIds].sort()) {
      const key = await this.#context.dataKeys.wrapped(id);
      if (key !== undefined) wrappedKeys.push({ id, keyId: key.kekId, wrapped: key.wrapped });
    }
    return wrappedKeys.length === 0 ? {} : { wrappedKeys };
  }

  /** The layers of a page with something else in the place of their secrets. */
  async protect(layers: readonly ExportedLayer[]): Promise<readonly ToldLayer[]> {
    const { ruleBook, db } = this.#context;
    const { byKey } = await ruleBook.now(db);
    const secret = new Map<ExportedLayer, readonly Path[]>();
    for (const layer of layers) {
      const { key, value } = layer;
      if (value === undefined) continue;
      const paths = joinPaths(value, secretPaths(byKey.get(key)?.definition, value), sealedPaths(value));
      if (paths.length > 0) secret.set(layer, paths);
    }
    const open = this.#mode === 'sealed' ? await this.#permitted([...secret.keys()]) : new Set();
    const told: ToldLayer[] = [];
    for (const layer of layers) told.push(await this.#tell(layer, secret.get(layer), open.has(layer)));
    return told;
  }

  async #permitted(layers: readonly ExportedLayer[]): Promise<ReadonlySet<unknown>> {
    const place = ({ key, scope, scopeId }: ExportedLayer) => ({ key, scope, scopeId });
    return new Set(await filterPermitted(this.#context, this.#actor, 'read-sensitive', layers, place));
  }

  async #tell(layer: ExportedLayer, secrets: readonly Path[] | undefined, isOpen: boolean): Promise<ToldLayer> {
    const { value } = layer;
    if (value === undefined || secrets === undefined) return { ...layer, isSealed: false, isOmitted: false };
    if (this.#mode === 'omitted') return { ...layer, isSealed: false, isOmitted: true };
    if (!isOpen) return { ...layer, value: maskSecrets(value, secrets), isSealed: false, isOmitted: false };
    return { ...layer, value: await this.#sealed(layer, value, secrets), isSealed: true, isOmitted: false };
  }

  async #sealed(layer: ExportedLayer, value: JsonValue, secrets: readonly Path[]): Promise<JsonValue> {
    const { db, environment, vault } = this.#context;
    const place = placeOf(layer);
    if (this.#seal !== undefined) {
      const opened = await vault.open(db, value, place);
      return this.#seal.seal({ value: opened.value, secrets }, place, environment);
    }
    const told = await this.#sealedForStores(layer, value, secrets);
    for (const id of sealedKeyIds(told, place)) this.#keyIds.add(id);
    return told;
  }

  /** As it is stored. What became a secret after it was written is stored in the clear: it is sealed now, for where it stands. */
  async #sealedForStores(layer: ExportedLayer, value: JsonValue, secrets: readonly Path[]): Promise<JsonValue> {
    const { db, vault } = this.#context;
    const sealed = new Set(sealedPaths(value).map(formatPath));
    if (secrets.every((path) => sealed.has(formatPath(path)))) return value;
    const place = placeOf(layer);
    await vault.prepare();
    const opened = await vault.open(db, value, place);
    return vault.seal(opened.value, secrets, place);
  }
}

const placeOf = (layer: ExportedLayer): SealedPlace => ({ ...layer, version: layer.hash });

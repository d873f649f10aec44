/** Owns the export document: what is in it, over what its checksum is taken, and which documents are none. */
import { canonicalJson } from './canonical.ts';
import { refuseDocument, type DocumentFormat } from './document-text.ts';
import { ConfigurationError, describeInput } from './errors.ts';
import { isJsonArray, isJsonObject, propertyOf, type JsonObject, type JsonValue } from './json.ts';
import { formatAddress, formatScope, parseScope, type ScopeInput, type ScopeRef } from './scope.ts';
import type { LongDocument } from './strict-json.ts';

/** What a document of own values calls itself. */
export const exportName = 'strata-export';
/** What a document of effective values calls itself. It cannot be imported: its values would be pinned where they were inherited. */
export const effectiveName = 'strata-effective';
/** The version of the form, counted up when an older reader would misread a newer document. */
export const bundleVersion = 1;

/** The name of the list of settings in a document. */
export const settingsName = 'settings';

/** What stands above the settings of a document. */
export interface BundleHeader {
  readonly format: typeof exportName | typeof effectiveName;
  readonly formatVersion: number;
  readonly environment: string;
  readonly scope: ScopeRef['scope'];
  readonly scopeId: string | null;
  /** Whether the scopes below are in it too. */
  readonly subtree?: true;
  /** How the key of its secrets comes from a passphrase. */
  readonly encryption?: JsonObject;
}

/** A data key that a document brings for its secrets, wrapped by a key of the store that it came from. */
export interface BundledKey {
  readonly id: string;
  readonly keyId: string;
  readonly wrapped: string;
}

/** What takes up the text over which a digest is made. */
export type TakeText = (text: string) => void;

/**
 * The text over which the checksum of a document is taken, handed on bit by bit: the canonical JSON of everything but the checksum itself.
 */
export class BundleText {
  readonly #take: TakeText;
  #isFirst = true;

  /** @param header what stands in the document besides the settings, as far as it is known. */
  constructor(header: JsonObject, take: TakeText) {
    this.#take = take;
    const before = namesOf(header).filter((name) => name < settingsName);
    take(`{${before.map((name) => `${member(header, name)},`).join('')}"${settingsName}":[`);
  }

  /** Adds one of the settings. */
  add(setting: JsonValue): void {
    this.#take(this.#isFirst ? canonicalJson(setting) : `,${canonicalJson(setting)}`);
    this.#isFirst = false;
  }

  /** @param header all that stands in the document besides the settings and the checksum. */
  end(header: JsonObject): void {
    const after = namesOf(header).filter((name) => name > settingsName);
    this.#take(`]${after.map((name) => `,${member(header, name)}`).join('')}}`);
  }
}

const namesOf = (object: JsonObject): string[] =>
  Object.keys(object)
    .filter((name) => name !== settingsName && name !== 'checksum')
    .sort();
const member = (object: JsonObject, name: string): string =>
  `${JSON.stringify(name)}:${canonicalJson(propertyOf(object, name) ?? null)}`;

/** One setting of a document that is to be imported. */
export interface BundledSetting {
  readonly key: unknown;
  readonly scope: ScopeRef;
  /** Undefined for the marker of a deleted one, and of one that was left out. */
  readonly value: JsonValue | undefined;
  readonly expiresAt: string | undefined;
  /** The full hash of the version that its sealed parts are bound to; undefined where none is sealed. */
  readonly sealedVersion?: string | undefined;
  /** Whether its value holds secrets and was left out: what is stored stays as it is. */
  readonly isOmitted: boolean;
  /** Where it stands in the document. */
  readonly place: string;
}

/** A document that is to be imported. */
export interface Bundle {
  /** The scope that was exported; undefined for a plain object of keys and values, which is of no scope. */
  readonly selection: (ScopeRef & { readonly subtree: boolean }) | undefined;
  readonly environment: string | undefined;
  readonly throughRevision: number | undefined;
  /** How the key of its secrets comes from a passphrase; undefined where it has none. */
  readonly encryption: JsonValue | undefined;
  /** The data keys of its secrets. */
  readonly keys: readonly BundledKey[];
  /** Its settings, read anew each time that they are gone through: a document may be larger than what one wants to hold. */
  readonly settings: Iterable<BundledSetting>;
}

/** How a document is read. */
export interface BundleOptions {
  readonly format: DocumentFormat;
  /** Whether a document whose checksum is missing or wrong is refused. */
  readonly verify: boolean;
  /** Makes a digest (SHA-256 in hex) of a text that is handed on bit by bit. */
  readonly digest: () => { readonly take: TakeText; readonly end: () => string };
}

/**
 * Reads a document: an export, or an object of keys and values.
 * @throws ConfigurationError `malformed_document`, `document_changed`, `document_unsupported`.
 */
export function readBundle({ members: document, items: settings }: LongDocument, options: BundleOptions): Bundle {
  const name = propertyOf(document, 'format');
  if (name === effectiveName) unsupported('it holds effective values, which would be pinned where they were inherited');
  if (name !== exportName) return plainBundle(document, settings);
  const version = propertyOf(document, 'formatVersion');
  if (version !== bundleVersion) {
    unsupported(
      typeof version === 'number' && version > bundleVersion
        ? `its format version is ${String(version)}, which a newer version of Strata wrote`
        : `its format version is ${describe(version)}, and ${String(bundleVersion)} can be read`,
    );
  }
  if (settings === undefined) return refuse(options, settingsName, 'it is no list');
  if (options.verify) verify(document, settings, options);
  const bundled = { [Symbol.iterator]: () => readSettings(settings, options) };
  refuseTwice(bundled, options);
  return {
    selection: selectionOf(document, options),
    environment: textOf(propertyOf(document, 'environment')),
    throughRevision: numberOf(propertyOf(document, 'throughRevision')),
    encryption: propertyOf(document, 'encryption'),
    keys: keysOf(document, options),
    settings: bundled,
  };
}

function unsupported(problem: string): never {
  throw new ConfigurationError('document_unsupported', { problem });
}

function refuse({ format }: BundleOptions, place: string, problem: string): never {
  return refuseDocument(format, place, problem);
}

const describe = (value: JsonValue | undefined): string =>
  typeof value === 'number' ? String(value) : describeInput(value);
const textOf = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const numberOf = (value: JsonValue | undefined): number | undefined => (typeof value === 'number' ? value : undefined);

/** @throws ConfigurationError `document_changed`. */
function verify(document: JsonObject, settings: Iterable<JsonValue>, { digest }: BundleOptions): void {
  const stated = propertyOf(document, 'checksum');
  const { take, end } = digest();
  const text = new BundleText(document, take);
  for (const setting of settings) text.add(setting);
  text.end(document);
  const computed = end();
  if (stated === computed) return;
  throw new ConfigurationError('document_changed', {
    problem:
      stated === undefined
        ? 'it has no checksum, so it may have been cut off'
        : `its checksum is ${describe(stated)}, and that of its contents is "${computed}"`,
  });
}

function selectionOf(document: JsonObject, options: BundleOptions): Bundle['selection'] {
  if (propertyOf(document, 'scope') === undefined) return undefined;
  return { ...scopeOf(document, 'the scope', options), subtree: propertyOf(document, 'subtree') === true };
}

function scopeOf(object: JsonObject, place: string, options: BundleOptions): ScopeRef {
  try {
    if (propertyOf(object, 'scope') === undefined) return refuse(options, place, 'its scope is missing');
    return parseScope(object as unknown as ScopeInput);
  } catch (error) {
    if (error instanceof ConfigurationError && error.code === 'invalid_scope') {
      return refuse(options, place, String(error.details['problem']));
    }
    throw error;
  }
}

const placeOf = (index: number, key: string): string => `${settingsName}[${String(index)}] (${key})`;

function* readSettings(settings: Iterable<JsonValue>, options: BundleOptions): Generator<BundledSetting, void> {
  let index = 0;
  for (const setting of settings) {
    yield readSetting(setting, index, options);
    index += 1;
  }
}

function readSetting(setting: JsonValue, index: number, options: BundleOptions): BundledSetting {
  const place = `${settingsName}[${String(index)}]`;
  if (!isJsonObject(setting)) return refuse(options, place, 'it is no object');
  const key = propertyOf(setting, 'key');
  if (typeof key !== 'string') return refuse(options, place, 'its key is missing');
  const named = placeOf(index, key);
  const isOmitted = propertyOf(setting, 'omitted') === true;
  const state = propertyOf(setting, 'deleted') === true ? 'deleted' : isOmitted ? 'left out' : undefined;
  const value = propertyOf(setting, 'value');
  if ((state === undefined) === (value === undefined)) {
    return refuse(options, named, state === undefined ? 'its value is missing' : `it is ${state} and has a value`);
  }
  const expiresAt = propertyOf(setting, 'expiresAt');
  if (expiresAt !== undefined && typeof expiresAt !== 'string')
    return refuse(options, named, 'its expiresAt is no text');
  const sealedVersion = textOf(propertyOf(setting, 'sealedVersion'));
  return { key, scope: scopeOf(setting, named, options), value, expiresAt, sealedVersion, isOmitted, place: named };
}

function keysOf(document: JsonObject, options: BundleOptions): readonly BundledKey[] {
  const keys = propertyOf(document, 'wrappedKeys');
  if (keys === undefined) return [];
  if (!isJsonArray(keys)) return refuse(options, 'wrappedKeys', 'it is no list');
  return keys.map((key, index) => {
    const [id, keyId, wrapped] = ['id', 'keyId', 'wrapped'].map((name) =>
      isJsonObject(key) ? textOf(propertyOf(key, name)) : undefined,
    );
    if (id === undefined || keyId === undefined || wrapped === undefined) {
      return refuse(options, `wrappedKeys[${String(index)}]`, 'it is no wrapped key');
    }
    return { id, keyId, wrapped };
  });
}

/** Whether each scope's settings stand together in the order of their keys, as an export has them: then none stands there twice. */
function isInOrder(settings: Iterable<BundledSetting>): boolean {
  const seen = new Set<string>();
  let [scopeName, lastKey] = ['', ''];
  for (const { key, scope } of settings) {
    const name = formatScope(scope);
    const isNew = name !== scopeName;
    if (isNew ? seen.has(name) : String(key) <= lastKey) return false;
    if (isNew) seen.add(name);
    [scopeName, lastKey] = [name, String(key)];
  }
  return true;
}

function refuseTwice(settings: Iterable<BundledSetting>, options: BundleOptions): void {
  if (isInOrder(settings)) return;
  const places = new Map<string, number>();
  for (const { key, scope, place } of settings) {
    const name = `${String(key)}\0${scope.scope}\0${scope.scopeId}`;
    const before = places.get(name);
    if (before !== undefined) {
      const address = formatAddress({ key: String(key), ...scope });
      refuse(options, place, `${address} stands there twice, first as ${placeOf(before, String(key))}`);
    }
    places.set(name, places.size);
  }
}

function plainBundle(document: JsonObject, items: Iterable<JsonValue> | undefined): Bundle {
  const values = items === undefined ? document : { ...document, [settingsName]: [...items] };
  const settings = Object.entries(values).map(([key, value]) => ({
    key,
    scope: { scope: 'global', scopeId: '' } as const,
    value,
    expiresAt: undefined,
    isOmitted: false,
    place: key,
  }));
  const unknown = { selection: undefined, environment: undefined, throughRevision: undefined, encryption: undefined };
  return { ...unknown, keys: [], settings };
}

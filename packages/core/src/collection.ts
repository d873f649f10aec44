/** Owns collections: keys that stand for many, each entry of which is stored as a key of its own. */
import { ConfigurationError } from './errors.ts';
import { setProperty, type JsonValue } from './json.ts';

/** The collections: flags, and the segments that their rules name. An entry is the key `<collection>/<name>`. */
export const collections = ['feature_flags', 'flag_segments'] as const;
export type Collection = (typeof collections)[number];

/** Whether a key stands for all entries of a collection. */
export function isCollection(key: string): key is Collection {
  return key === 'feature_flags' || key === 'flag_segments';
}

/** The key of an entry. */
export function entryKey(collection: Collection, name: string): string {
  return `${collection}/${name}`;
}

/** The collection that a key is an entry of; undefined for any other key. */
export function collectionOf(key: string): Collection | undefined {
  return collections.find((collection) => key.startsWith(collection) && key[collection.length] === '/');
}

/** A key or a glob as a pattern of keys that are stored: a collection stands for all of its entries. */
export function entriesPattern(pattern: string): string {
  return isCollection(pattern) ? entryKey(pattern, '*') : pattern;
}

/** The name of an entry within its collection. */
export function entryName(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

/** The entries of a collection as the value of its key: one object, by name. */
export function gatherEntries(entries: Iterable<readonly [key: string, value: JsonValue]>): Record<string, JsonValue> {
  const gathered: Record<string, JsonValue> = {};
  for (const [key, value] of entries) setProperty(gathered, entryName(key), value);
  return gathered;
}

/**
 * What a value written to the key of a collection means: one entry, which has its own `name`, or several by name. The key of each with its
 * value as it was given.
 * @throws ConfigurationError `invalid_value` for anything else.
 */
export function spreadEntries(collection: Collection, value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(collection);
  const { name } = value as { readonly name?: unknown };
  if (typeof name === 'string') return [[entryKey(collection, name), value]];
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  if (entries.length === 0) return refuse(collection);
  return entries.map(([each, entry]) => [entryKey(collection, each), entry]);
}

function refuse(collection: Collection): never {
  throw new ConfigurationError('invalid_value', {
    path: '$',
    problem: `${collection} takes one entry with its name, as { name, … }, or several by name`,
  });
}

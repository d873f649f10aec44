/** Owns the answer to who last changed each part of a layer. */
import {
  blamePart,
  formatPath,
  leavesOf,
  valueAt,
  type Address,
  type JsonValue,
  type Path,
  type ScopeInput,
} from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { begin, type Context } from './context.ts';
import { comparableLayer } from './secrets/stored-secrets.ts';
import { maskMarks } from './secrets/vault.ts';
import { readAddressHistory, type StoredVersion } from './store/versions.ts';
import { parseAddress } from './write.ts';

/** The last change of one leaf of a layer. */
export interface BlamedLeaf {
  readonly path: string;
  readonly value: JsonValue;
  readonly version: string;
  readonly changedBy: string;
  readonly changedAt: Date;
  readonly comment: string | null;
}

const pageSize = 50;

/** A part of a layer, its secrets marked for comparison, and the version that last changed it. */
export interface AttributedPart {
  readonly path: Path;
  readonly value: JsonValue;
  readonly version: StoredVersion;
}

/**
 * Parts of the layer that an address had at a revision (absent: has), each with the version that last changed it. History is read
 * only as far back as some part needs it.
 * @param choose the paths to look at, given the layer.
 */
export async function attributeParts(
  context: Context,
  address: Address,
  choose: (layer: JsonValue) => readonly Path[],
  until?: number,
): Promise<AttributedPart[]> {
  const history: { readonly value: JsonValue | undefined; readonly origin: StoredVersion }[] = [];
  for (;;) {
    const page = await readAddressHistory(context.db, context.environment, address, {
      until,
      offset: history.length,
      limit: pageSize,
    });
    for (const version of page) history.push({ value: await comparableLayer(context, version), origin: version });
    const layer = history[0]?.value;
    if (layer === undefined) return [];
    const parts = choose(layer).flatMap((path) => {
      const part = blamePart(history, path);
      return part === undefined ? [] : [{ path, value: valueAt(layer, path) ?? null, ...part }];
    });
    if (page.length < pageSize || parts.every((part) => part.settled)) {
      return parts.map(({ path, value, origin }) => ({ path, value, version: origin }));
    }
  }
}

/** The last change of each leaf of a layer. */
export async function blame(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeInput | undefined,
): Promise<BlamedLeaf[]> {
  begin(context);
  const address = parseAddress(key, scope);
  await requirePermission(context, actor, 'read', address);
  const parts = await attributeParts(context, address, (layer) => leavesOf(layer).map((leaf) => leaf.path));
  return parts.map(({ path, value, version }) => ({
    path: formatPath(path),
    value: maskMarks(value),
    version: version.version,
    changedBy: version.changedBy,
    changedAt: version.changedAt,
    comment: version.comment,
  }));
}

/** Owns the resolution of what callers mean by a version. */
import { ConfigurationError, parseLongHash, parseScope, parseVersionReference, type ScopeInput } from '@strata/core';
import type { Place } from './access.ts';
import type { Context } from './context.ts';
import { revisionAt } from './store/commits.ts';
import { findTaggedVersions, findVersions, readAddressHistory, type StoredVersion } from './store/versions.ts';
import { everything, takeVisible, type Visibility } from './visibility.ts';

/** How many candidates an ambiguous reference lists. */
const listed = 10;

/** Where a version lies, as one is asked about it. */
export function placeOf({ key, scope, scopeId }: StoredVersion): Place {
  return { key, scope, scopeId: scopeId ?? '' };
}

/**
 * The version that a reference means: hashes and tags are looked up among all scopes of the key (or the one given), `HEAD…` and `@…`
 * at one address (default: global). Undefined when there is none.
 * @param see what the caller may see: the rest is as if it did not exist. Default: everything, for what a write to the scope given
 *   resolves.
 * @throws ConfigurationError `invalid_version`, or `ambiguous_version` with the candidates.
 */
export async function resolveVersion(
  context: Context,
  key: string,
  reference: string,
  { scope }: { readonly scope?: ScopeInput | undefined },
  see: Visibility = everything,
): Promise<StoredVersion | undefined> {
  const { db, environment } = context;
  const meant = parseVersionReference(reference);
  const at = scope === undefined ? undefined : parseScope(scope);
  const address = { key, ...(at ?? parseScope(undefined)) };
  const seen = async (versions: readonly StoredVersion[]): Promise<StoredVersion | undefined> =>
    (await see.filter(versions, placeOf))[0];
  switch (meant.kind) {
    case 'hash': {
      const { prefix } = meant;
      return onlySeen(see, reference, (size, offset) => findVersions(db, environment, key, at, prefix, size, offset));
    }
    case 'tag': {
      const { tag } = meant;
      return onlySeen(see, reference, (size, offset) =>
        findTaggedVersions(db, environment, key, at, tag, size, offset),
      );
    }
    case 'head':
      return seen(await readAddressHistory(db, environment, address, { offset: meant.back, limit: 1 }));
    case 'time': {
      const until = await revisionAt(db, meant.at);
      return seen(await readAddressHistory(db, environment, address, { until, limit: 1 }));
    }
  }
}

/** The version of any key whose hash begins with 12 or more digits, among what the caller may see; undefined when there is none. */
export function resolveHash(
  { db, environment }: Context,
  see: Visibility,
  version: string,
): Promise<StoredVersion | undefined> {
  const prefix = parseLongHash(version);
  return onlySeen(see, version, (size, offset) =>
    findVersions(db, environment, undefined, undefined, prefix, size, offset),
  );
}

async function onlySeen(
  see: Visibility,
  reference: string,
  readPage: (size: number, offset: number) => Promise<readonly StoredVersion[]>,
): Promise<StoredVersion | undefined> {
  const read = (size: number, _last: unknown, offset: number): Promise<readonly StoredVersion[]> =>
    readPage(size, offset);
  return only(reference, await takeVisible(see, listed + 1, placeOf, read));
}

/** The same, where a version has to be found. @throws ConfigurationError `version_not_found`. */
export async function requireVersion(
  context: Context,
  key: string,
  reference: string,
  options: { readonly scope?: ScopeInput | undefined },
  see?: Visibility,
): Promise<StoredVersion> {
  const version = await resolveVersion(context, key, reference, options, see);
  if (version !== undefined) return version;
  throw new ConfigurationError('version_not_found', { version: reference, key });
}

/** The one version found. @throws ConfigurationError `ambiguous_version` when there are several. */
export function only(reference: string, versions: readonly StoredVersion[]): StoredVersion | undefined {
  if (versions.length <= 1) return versions[0];
  const shown = versions.slice(0, listed).map((version) => ({
    version: version.version,
    key: version.key,
    scope: version.scope,
    scopeId: version.scopeId,
    changedAt: version.changedAt.toISOString(),
  }));
  const more = versions.length > listed ? ', …' : '';
  throw new ConfigurationError('ambiguous_version', {
    version: reference,
    candidates:
      shown
        .map(({ version, scope, scopeId }) => `${version} (${scope}${scopeId === null ? '' : ` ${scopeId}`})`)
        .join(', ') + more,
    versions: shown,
  });
}

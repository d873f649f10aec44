/** Owns the resolution of what callers mean by a version. */
import { ConfigurationError, parseScope, parseVersionReference, type ScopeInput } from '@strata/core';
import type { Context } from './context.ts';
import { revisionAt } from './store/commits.ts';
import { findTaggedVersions, findVersions, readAddressHistory, type StoredVersion } from './store/versions.ts';

/** How many candidates an ambiguous reference lists. */
const listed = 10;

/**
 * The version that a reference means: hashes and tags are looked up among all scopes of the key (or the one given), `HEAD…` and `@…`
 * at one address (default: global). Undefined when there is none.
 * @throws ConfigurationError `invalid_version`, or `ambiguous_version` with the candidates.
 */
export async function resolveVersion(
  context: Context,
  key: string,
  reference: string,
  { scope }: { readonly scope?: ScopeInput | undefined },
): Promise<StoredVersion | undefined> {
  const { db, environment } = context;
  const meant = parseVersionReference(reference);
  const at = scope === undefined ? undefined : parseScope(scope);
  const address = { key, ...(at ?? parseScope(undefined)) };
  switch (meant.kind) {
    case 'hash':
      return only(reference, await findVersions(db, environment, key, at, meant.prefix, listed + 1));
    case 'tag':
      return only(reference, await findTaggedVersions(db, environment, key, at, meant.tag, listed + 1));
    case 'head':
      return (await readAddressHistory(db, environment, address, { offset: meant.back, limit: 1 }))[0];
    case 'time': {
      const until = await revisionAt(db, meant.at);
      return (await readAddressHistory(db, environment, address, { until, limit: 1 }))[0];
    }
  }
}

/** The same, where a version has to be found. @throws ConfigurationError `version_not_found`. */
export async function requireVersion(
  context: Context,
  key: string,
  reference: string,
  options: { readonly scope?: ScopeInput | undefined },
): Promise<StoredVersion> {
  const version = await resolveVersion(context, key, reference, options);
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

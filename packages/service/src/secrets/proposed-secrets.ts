/** Owns the secrets of changes that wait for approvals: bound to their request, its edition, and which of both values they are. */
import type { Address, JsonValue, Path } from '@strata/core';
import type { ProposedChange, StoredRequest } from '../change-request-stored.ts';
import type { Context } from '../context.ts';
import type { SealedPlace } from './vault.ts';

type Edition = Pick<StoredRequest, 'id' | 'edition'>;

function placeOf({ key, scope, scopeId }: Address, { id, edition }: Edition, side: 'value' | 'base'): SealedPlace {
  return { key, scope, scopeId, version: `${id} ${String(edition)} ${side}` };
}

/** Changes as they are stored. @throws SecretsNeeded to have what secrets take. */
export function sealProposed(
  { vault }: Context,
  changes: readonly ProposedChange[],
  edition: Edition,
): ProposedChange[] {
  return changes.map(({ value, baseValue, secrets = [], baseSecrets = [], ...change }) => {
    const seal = (side: 'value' | 'base', given: JsonValue, paths: readonly Path[]): JsonValue =>
      paths.length === 0 ? given : vault.seal(given, paths, placeOf(change, edition, side));
    return {
      ...change,
      ...(value === undefined ? {} : { value: seal('value', value, secrets) }),
      ...(baseValue === undefined ? {} : { baseValue: seal('base', baseValue, baseSecrets) }),
    };
  });
}

/** A stored change with its secrets opened. @throws ConfigurationError `secret_damaged`. */
export async function openProposed(
  { vault, db }: Context,
  edition: Edition,
  change: ProposedChange,
): Promise<ProposedChange> {
  const { value, baseValue } = change;
  const proposed = value === undefined ? undefined : await vault.open(db, value, placeOf(change, edition, 'value'));
  const base = baseValue === undefined ? undefined : await vault.open(db, baseValue, placeOf(change, edition, 'base'));
  return {
    ...change,
    ...(proposed === undefined || proposed.secrets.length === 0 ? {} : proposed),
    ...(base === undefined || base.secrets.length === 0 ? {} : { baseValue: base.value, baseSecrets: base.secrets }),
  };
}

/** A request with the secrets of its changes opened. @throws ConfigurationError `secret_damaged`. */
export async function openRequest(context: Context, request: StoredRequest): Promise<StoredRequest> {
  const changes: ProposedChange[] = [];
  for (const change of request.changes) changes.push(await openProposed(context, request, change));
  return { ...request, changes };
}

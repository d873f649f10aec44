/** Owns the looking after of keys: what there is, going on with new ones, wrapping anew, and doing without an old one. */
import { ConfigurationError, globalScope } from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { recordAlone } from './audit/record.ts';
import { begin, type Context } from './context.ts';
import { KeyRing, type KeyProvider } from './secrets/key-ring.ts';
import type { KeyOrigin } from './secrets/key-source.ts';
import type { DataKeyCount } from './store/data-keys.ts';

/** The keys of a store. */
export interface KeyStatus {
  /** Where the keys come from that wrap data keys. */
  readonly origin: KeyOrigin;
  /** The key that wraps now; null where there is none. */
  readonly currentKeyId: string | null;
  /** The keys that this process holds or that wrap any data key. */
  readonly keys: readonly WrappingKey[];
  readonly dataKeys: readonly DataKeyCount[];
}

/** A key that wraps data keys. */
export interface WrappingKey {
  readonly keyId: string;
  /** Whether this process holds it; null where a provider keeps that to itself. */
  readonly held: boolean | null;
  readonly current: boolean;
  /** How many data keys it wraps. While there are any, it is needed. */
  readonly dataKeys: number;
}

/** What `rotateKeys` did. */
export interface KeyRotation {
  readonly currentKeyId: string;
  /** Whether a new wrapping key was made; with a configured ring whoever configures it puts a new one first. */
  readonly added: boolean;
  /** For how many purposes new data keys are used from now on. */
  readonly renewed: number;
}

/** What `rewrapKeys` did. */
export interface KeyRewrap {
  readonly currentKeyId: string;
  readonly rewrapped: number;
  /** How many data keys other keys still wrap: those that were made meanwhile by processes with another ring. */
  readonly left: number;
}

/** What `retireKey` did. */
export interface KeyRetirement {
  readonly keyId: string;
  /** Whether it was taken out of the key file; else whoever configures the ring takes it out. */
  readonly removed: boolean;
}

/** The keys of the store, and how much each is in use. */
export async function getKeyStatus(context: Context, actor: Actor): Promise<KeyStatus> {
  begin(context);
  await requirePermission(context, actor, 'policy', globalScope);
  const { dataKeys } = context;
  const { currentKeyId, dataKeys: counts } = await dataKeys.status();
  const held = idsOf(dataKeys.source.keys());
  const ids = new Set([...(held ?? []), ...(currentKeyId === undefined ? [] : [currentKeyId]), ...counts.map(({ kekId }) => kekId)]); // prettier-ignore
  return {
    origin: dataKeys.source.origin,
    currentKeyId: currentKeyId ?? null,
    keys: [...ids].map((keyId) => ({
      keyId,
      held: held === undefined ? null : held.includes(keyId),
      current: keyId === currentKeyId,
      dataKeys: counts.filter(({ kekId }) => kekId === keyId).reduce((sum, { count }) => sum + count, 0),
    })),
    dataKeys: counts,
  };
}

/** The ids of a ring; undefined where a provider does not tell, none where there are no keys. */
function idsOf(keys: KeyProvider | undefined): readonly string[] | undefined {
  if (keys === undefined) return [];
  return keys instanceof KeyRing ? keys.keyIds : undefined;
}

/** Goes on with new keys: a new wrapping key where Strata keeps them, and new data keys. What there is stays readable. */
export async function rotateKeys(context: Context, actor: Actor): Promise<KeyRotation> {
  begin(context);
  await requirePermission(context, actor, 'policy', globalScope);
  const { dataKeys, vault } = context;
  // Where nothing is encrypted yet there is nothing to go on from, and the first key is made.
  await dataKeys.derive('rotation');
  const added = dataKeys.source.addKey?.() !== undefined;
  const renewed = await dataKeys.renew();
  vault.forgetKey();
  const currentKeyId = await dataKeys.wrappingKeyId();
  await note(context, actor, 'keys-rotate', { currentKeyId, added, renewed });
  return { currentKeyId, added, renewed };
}

/** Wraps all data keys with the key that wraps now. Values are read and written meanwhile; ended halfway, the next call goes on. */
export async function rewrapKeys(context: Context, actor: Actor): Promise<KeyRewrap> {
  begin(context);
  await requirePermission(context, actor, 'policy', globalScope);
  const { dataKeys } = context;
  const { rewrapped, left } = await dataKeys.rewrap();
  const currentKeyId = await dataKeys.wrappingKeyId();
  await note(context, actor, 'keys-rewrap', { currentKeyId, rewrapped, left });
  return { currentKeyId, rewrapped, left };
}

/** Does without a key from now on. @throws ConfigurationError `encryption_key_in_use` while any data key needs it. */
export async function retireKey(context: Context, actor: Actor, keyId: string): Promise<KeyRetirement> {
  const { keys, currentKeyId } = await getKeyStatus(context, actor);
  const key = keys.find((one) => one.keyId === keyId);
  if (key === undefined) {
    const known = keys.map((one) => one.keyId).join(', ');
    throw new ConfigurationError('invalid_argument', { argument: 'keyId', problem: `there is no key ${JSON.stringify(keyId)}; there are ${known}` }); // prettier-ignore
  }
  if (keyId === currentKeyId) {
    throw new ConfigurationError('encryption_key_in_use', { keyId, problem: 'it is the one that encrypts now; rotate first, so that another one does' }); // prettier-ignore
  }
  if (key.dataKeys > 0) {
    throw new ConfigurationError('encryption_key_in_use', { keyId, problem: `it wraps ${String(key.dataKeys)} data keys; rewrap first, so that another one does` }); // prettier-ignore
  }
  const removed = context.dataKeys.source.removeKey?.(keyId) !== undefined;
  await note(context, actor, 'keys-retire', { keyId, removed });
  return { keyId, removed };
}

async function note(
  context: Context,
  actor: Actor,
  operation: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<void> {
  await recordAlone(context, [{ operation, actor, success: true, metadata }]);
}

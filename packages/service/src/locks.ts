/** Owns locks: what a scope forbids the scopes below it to say. */
import { type Actor } from './actor.ts';
import {
  ConfigurationError,
  formatPath,
  formatScope,
  isCollection,
  parseKey,
  parsePath,
  parseScope,
  resolveChain,
  sameScope,
  shortVersion,
  utf8Length,
  type Address,
  type JsonObject,
  type JsonValue,
  type Lock,
  type Path,
  type ScopeInput,
} from '@strata/core';
import { requirePermission } from './access.ts';
import { shown } from './below.ts';
import { begin, type Context } from './context.ts';
import { brokenLock } from './decide.ts';
import { decideGated, type GatedPlan } from './change-request-filing.ts';
import { requirementAt } from './gate.ts';
import type { Rules } from './rules.ts';
import { openHeads } from './secrets/open-heads.ts';
import { readLinks } from './store/scopes.ts';
import { endLock, storeLock } from './store/locks.ts';
import { readLayersOfKey, type Head } from './store/settings.ts';
import { readAddressHistory } from './store/versions.ts';
import { newCommit, parseComment } from './new-commit.ts';
import type { Progress } from './store/counter.ts';
import { parseWritten } from './write.ts';

/** A lock as it is handed out: its path in the one notation, `scopeId` null at global. */
export interface LockRecord extends Omit<Lock, 'path' | 'scopeId'> {
  readonly path: string;
  readonly scopeId: string | null;
}

const pageSize = 500;
/** How long the path of a lock may be: it is a part of a key of the database, which has room for no more. */
const maxPathBytes = 800;
/** How many layers that break a lock are listed. */
const listed = 20;

/** Locks a key, or one part of it, for all scopes below. */
export async function lockConfig(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeInput,
  options: { readonly path?: string },
  comment: string | undefined,
): Promise<LockRecord> {
  begin(context);
  const locked = parseLocked(key, scope, options);
  await requirePermission(context, actor, 'write', locked.address);
  const proposal = { operation: 'lock', arguments: toArguments(locked), comment: parseComment(comment) } as const;
  return decideGated(context, actor, proposal, (progress, context) =>
    planLock(progress, context, actor, proposal.arguments, comment),
  );
}

/** Decides on a lock. */
export async function planLock(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
): Promise<GatedPlan<LockRecord>> {
  const { address, path } = fromArguments(args);
  const rules = await context.ruleBook.at(context.db, progress);
  const existing = findLock(rules, address, path);
  if (existing !== undefined) {
    throw new ConfigurationError('lock_exists', {
      key: address.key,
      path: formatPath(path),
      lockScope: formatScope(existing),
    });
  }
  const [head] = await readAddressHistory(context.db, context.environment, address, { limit: 1 });
  const hash = head === undefined || head.deleted ? null : head.hash;
  const commit = newCommit(actor, 'lock', [address.key, formatPath(path)], comment, {
    about: address,
    metadata: { path: formatPath(path) },
  });
  const lock = { ...address, path, lockedBy: actor.id, comment: commit.comment };
  refuseBroken(
    lock,
    await layersBreaking(context, rules, { ...lock, version: null, revision: 0, lockedAt: new Date(0) }),
  );
  return {
    // What was never set is not protected yet: nothing of it was agreed to.
    gate: {
      requires: head === undefined ? undefined : requirementAt(rules, address.key, address),
      before: null,
      about: address,
    },
    commit,
    changes: 'rules',
    quietKeys: [address.key],
    store: async (sql, { revision, at }) => {
      await storeLock(sql, context.environment, { ...lock, hash, revision, lockedAt: at });
      return toLockRecord({ ...lock, version: hash === null ? null : shortVersion(hash), revision, lockedAt: at });
    },
  };
}

function refuseBroken(lock: Pick<Lock, 'key' | 'path'>, layers: readonly Head[]): void {
  if (layers.length === 0) return;
  throw new ConfigurationError('lock_broken', {
    key: lock.key,
    path: formatPath(lock.path),
    layers: layers.map(formatScope).join(', '),
    broken: layers.map(shown),
  });
}

/** The stored layers below a lock that say something about what it locks. */
export async function layersBreaking(context: Context, rules: Rules, lock: Lock): Promise<Head[]> {
  const broken: Head[] = [];
  let last: Head | undefined;
  do {
    const read = await readLayersOfKey(context.db, context.environment, lock.key, last, pageSize);
    const page = await openHeads(context.vault, context.db, read);
    const links = await readLinks(context.db, context.environment, page);
    for (const head of page) {
      const chain = resolveChain(head, links);
      if (brokenLock([lock], chain, head.value, rules.byKey.get(lock.key)) !== undefined) broken.push(head);
    }
    last = page.length < pageSize ? undefined : page.at(-1);
  } while (last !== undefined && broken.length < listed);
  return broken.slice(0, listed);
}

/** Takes a lock away. */
export async function unlockConfig(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeInput,
  options: { readonly path?: string },
  comment: string | undefined,
): Promise<void> {
  begin(context);
  const locked = parseLocked(key, scope, options);
  await requirePermission(context, actor, 'write', locked.address);
  const proposal = { operation: 'unlock', arguments: toArguments(locked), comment: parseComment(comment) } as const;
  return decideGated(context, actor, proposal, (progress, context) =>
    planUnlock(progress, context, actor, proposal.arguments, comment),
  );
}

/** Decides on the end of a lock. */
export async function planUnlock(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
): Promise<GatedPlan<void>> {
  const { address, path } = fromArguments(args);
  const rules = await context.ruleBook.at(context.db, progress);
  const lock = findLock(rules, address, path);
  if (lock === undefined) {
    throw new ConfigurationError('lock_not_found', {
      key: address.key,
      path: formatPath(path),
      scope: formatScope(address),
    });
  }
  return {
    gate: {
      requires: requirementAt(rules, address.key, address),
      before: { lockedBy: lock.lockedBy, revision: lock.revision },
      about: address,
    },
    commit: newCommit(actor, 'unlock', [address.key, formatPath(path)], comment, {
      about: address,
      metadata: { path: formatPath(path) },
    }),
    changes: 'rules',
    store: (sql, { revision }) => endLock(sql, context.environment, address, path, revision),
  };
}

interface Locked {
  readonly address: Address;
  readonly path: Path;
}

function toArguments({ address: { key, scope, scopeId }, path }: Locked): JsonObject {
  return { key, scope, scopeId, path: formatPath(path) };
}

function fromArguments(args: JsonValue): Locked {
  const { path, ...address } = args as unknown as Address & { readonly path: string };
  return { address, path: path === '' ? [] : parsePath(path) };
}

function parseLocked(key: string, scope: ScopeInput, { path }: { readonly path?: string }): Locked {
  const address = parseWritten(key, scope);
  if (isCollection(address.key)) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'key',
      problem: `${address.key} stands for many; lock one of them, as ${address.key}/<name>`,
    });
  }
  if (address.scope === 'user') {
    throw new ConfigurationError('invalid_scope', {
      problem: 'a lock at a user binds nobody; lock at global, an org or a team',
    });
  }
  return { address, path: path === undefined ? [] : parseLockedPath(path) };
}

function parseLockedPath(text: string): Path {
  const path = parsePath(text);
  const bytes = utf8Length(formatPath(path));
  if (bytes <= maxPathBytes) return path;
  throw new ConfigurationError('invalid_argument', {
    argument: 'path',
    problem: `it has ${String(bytes)} bytes, and ${String(maxPathBytes)} are allowed; lock what holds that part`,
  });
}

function findLock(rules: Rules, address: Address, path: Path): Lock | undefined {
  const text = formatPath(path);
  return rules.locks.get(address.key)?.find((lock) => sameScope(lock, address) && formatPath(lock.path) === text);
}

/** The locks in force. */
export async function listLocks(
  context: Context,
  filter: { readonly key?: string; readonly scope?: ScopeInput },
): Promise<LockRecord[]> {
  begin(context);
  const key = filter.key === undefined ? undefined : parseKey(filter.key);
  const scope = filter.scope === undefined ? undefined : parseScope(filter.scope);
  const { locks } = await context.ruleBook.now(context.db);
  return [...locks.values()]
    .flat()
    .filter((lock) => (key === undefined || lock.key === key) && (scope === undefined || sameScope(lock, scope)))
    .map(toLockRecord);
}

/** A lock as it is handed out. */
export function toLockRecord({ path, scopeId, ...lock }: Lock): LockRecord {
  return { ...lock, path: formatPath(path), scopeId: lock.scope === 'global' ? null : scopeId };
}

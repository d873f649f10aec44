/** Owns the checks of a scope's new parents: nothing that is stored below may break a lock or a schema by the move, nor may it pass by approvals. */
import {
  ConfigurationError,
  formatScope,
  resolveChain,
  sameScope,
  strictest,
  type Address,
  type JsonValue,
  type Requirement,
  type ScopeLink,
  type ScopeRef,
} from '@strata/core';
import { describeLayers, shown } from './below.ts';
import type { BrokenLayer } from './validation.ts';
import type { Context } from './context.ts';
import { brokenLock, lockedError } from './decide.ts';
import { addressName } from './heads.ts';
import { effective } from './read.ts';
import type { Rule, Rules } from './rules.ts';
import { openHeads } from './secrets/open-heads.ts';
import type { Progress } from './store/counter.ts';
import { requirementAt } from './gate.ts';
import { hadParents, readLinks } from './store/scopes.ts';
import { readLayersOfScope, readLayersUnder, readSettings, type Head } from './store/settings.ts';

const pageSize = 500;

/**
 * Refuses a move that would put a stored layer under a lock it breaks, or make its effective value invalid.
 * @returns the keys that were looked at, which must not change until the move is stored.
 * @throws ConfigurationError `locked` or `would_break`.
 */
export async function refuseBreakingMove(
  context: Context,
  progress: Progress,
  child: ScopeRef,
  before: readonly ScopeLink[],
  after: readonly ScopeLink[],
): Promise<readonly string[]> {
  const rules = await context.ruleBook.at(context.db, progress);
  const wide = [...rules.byKey.values()].filter((rule) => !rule.validator.propertywise).map((rule) => rule.key);
  const keys = [...new Set([...rules.locks.keys(), ...wide])];
  if (keys.length === 0) return keys;
  const broken: BrokenLayer[] = [];
  let last: Head | undefined;
  do {
    const read = await readLayersUnder(context.db, context.environment, child, keys, last, pageSize);
    const page = await openHeads(context.vault, context.db, read);
    broken.push(...(await checkPage(context, rules, page, child, before, after)));
    last = page.length < pageSize ? undefined : page.at(-1);
  } while (last !== undefined && broken.length === 0);
  if (broken.length > 0) throw new ConfigurationError('would_break', { layers: describeLayers(broken), broken });
  return keys;
}

async function checkPage(
  context: Context,
  rules: Rules,
  page: readonly Head[],
  child: ScopeRef,
  before: readonly ScopeLink[],
  after: readonly ScopeLink[],
): Promise<BrokenLayer[]> {
  const others = await readLinks(context.db, context.environment, [...page, ...after.map((link) => link.parent)]);
  const rest = others.filter((link) => !sameScope(link.child, child));
  const moves = page.map((head) => ({
    head,
    then: resolveChain(head, [...rest, ...before]),
    now: resolveChain(head, [...rest, ...after]),
  }));
  for (const { head, now } of moves) refuseLocked(rules, head, now);
  const layers = await layersOn(
    context,
    moves.flatMap(({ head, then, now }) => [...then, ...now].map((at) => ({ ...at, key: head.key }))),
  );
  return moves.flatMap(({ head, then, now }) => {
    const rule = rules.byKey.get(head.key);
    return rule === undefined ? [] : newlyBroken(rule, head, valueOn(layers, rule, then), valueOn(layers, rule, now));
  });
}

/**
 * The approvals that a move needs: it gives the scope other values of protected keys, where any of the scopes that it leaves or comes under
 * holds one. Nothing for a scope that never had a parent.
 */
export async function requirementOfMove(
  context: Context,
  progress: Progress,
  child: ScopeRef,
  before: readonly ScopeLink[],
  after: readonly ScopeLink[],
): Promise<Requirement | undefined> {
  const { db, environment } = context;
  if (!(await hadParents(db, environment, child))) return undefined;
  const rules = await context.ruleBook.at(db, progress);
  const above = await readLinks(
    db,
    environment,
    [...before, ...after].map((link) => link.parent),
  );
  const then = new Map(upwards(before, above));
  const now = new Map(upwards(after, above));
  const moved = [...then, ...now].filter(([name]) => !(then.has(name) && now.has(name))).map(([, scope]) => scope);
  const needed: (Requirement | undefined)[] = [];
  for (const { scope, scopeId } of moved) {
    for (const { key } of await readLayersOfScope(db, environment, scope, scopeId)) {
      needed.push(requirementAt(rules, key, child), requirementAt(rules, key, { scope, scopeId }));
    }
  }
  return strictest(needed);
}

/** The scopes that links lead to, by a name that tells the primary ones. */
function upwards(links: readonly ScopeLink[], above: readonly ScopeLink[]): (readonly [string, ScopeRef])[] {
  const isAbove = ({ child }: ScopeLink): boolean => links.some(({ parent }) => sameScope(parent, child));
  return [...links, ...above.filter(isAbove)].map(({ parent, primary }) => [
    `${formatScope(parent)} ${String(primary)}`,
    parent,
  ]);
}

function refuseLocked(rules: Rules, head: Head, chain: readonly ScopeRef[]): void {
  const lock = brokenLock(rules.locks.get(head.key) ?? [], chain, head.value, rules.byKey.get(head.key));
  if (lock !== undefined) throw lockedError(lock, head);
}

async function layersOn(context: Context, addresses: readonly Address[]): Promise<ReadonlyMap<string, Head>> {
  const unique = [...new Map(addresses.map((address) => [addressName(address), address])).values()];
  const heads = await openHeads(context.vault, context.db, await readSettings(context.db, context.environment, unique));
  return new Map(heads.map((head) => [addressName(head), head]));
}

function valueOn(layers: ReadonlyMap<string, Head>, rule: Rule, chain: readonly ScopeRef[]): JsonValue {
  return effective(
    chain.flatMap((at) => layers.get(addressName({ ...at, key: rule.key })) ?? []),
    rule,
  );
}

function newlyBroken(rule: Rule, head: Head, then: JsonValue, now: JsonValue): BrokenLayer[] {
  const errors = rule.validator.effective(now);
  return errors.length === 0 || rule.validator.effective(then).length > 0 ? [] : [{ ...shown(head), errors }];
}

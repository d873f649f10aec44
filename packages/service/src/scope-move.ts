/** Owns the check of a scope's new parents: nothing that is stored below may break a lock or a schema by the move. */
import {
  ConfigurationError,
  resolveChain,
  sameScope,
  type Address,
  type JsonValue,
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
import type { Progress } from './store/counter.ts';
import { readLinks } from './store/scopes.ts';
import { readLayersUnder, readSettings, type Head } from './store/settings.ts';

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
    const page = await readLayersUnder(context.db, context.environment, child, keys, last, pageSize);
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

function refuseLocked(rules: Rules, head: Head, chain: readonly ScopeRef[]): void {
  const lock = brokenLock(rules.locks.get(head.key) ?? [], chain, head.value, rules.byKey.get(head.key));
  if (lock !== undefined) throw lockedError(lock, head);
}

async function layersOn(context: Context, addresses: readonly Address[]): Promise<ReadonlyMap<string, Head>> {
  const unique = [...new Map(addresses.map((address) => [addressName(address), address])).values()];
  const heads = await readSettings(context.db, context.environment, unique);
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

/** Owns the effective value that the writers' view of heads gives. */
import { joinPaths, mergeLayers, secretPaths, type JsonValue, type Path, type ScopeRef } from '@strata/core';
import type { HeadView } from './heads.ts';
import type { Head } from './store/settings.ts';

/** The effective value at the end of a chain as a view shows it; undefined when no layer gives one. */
export function effectiveValue(view: HeadView, key: string, chain: readonly ScopeRef[]): JsonValue | undefined {
  const rule = view.rules.byKey.get(key);
  const layers = chain.map((at) => layerAt(view, key, at)?.value).filter((value) => value !== undefined);
  const merged = mergeLayers(layers, rule?.definition.merge ?? 'deep');
  return merged === undefined || rule === undefined ? merged : rule.validator.withDefaults(merged);
}

/** Where the effective value at the end of a chain has secrets: where its definition says so, and where any of its layers has them. */
export function effectiveSecrets(
  view: HeadView,
  key: string,
  chain: readonly ScopeRef[],
  value: JsonValue,
): readonly Path[] {
  const stored = chain.flatMap((at) => layerAt(view, key, at)?.secrets ?? []);
  return joinPaths(value, secretPaths(view.rules.byKey.get(key)?.definition, value), stored);
}

/** @throws ConfigurationError `secret_damaged`. */
function layerAt(view: HeadView, key: string, { scope, scopeId }: ScopeRef): Head | undefined {
  const head = view.head({ key, scope, scopeId });
  if (head?.fault !== undefined) throw head.fault;
  return head;
}

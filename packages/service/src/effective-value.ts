/** Owns the effective value that the writers' view of heads gives. */
import { mergeLayers, type JsonValue, type ScopeRef } from '@strata/core';
import type { HeadView } from './heads.ts';

/** The effective value at the end of a chain as a view shows it; undefined when no layer gives one. */
export function effectiveValue(view: HeadView, key: string, chain: readonly ScopeRef[]): JsonValue | undefined {
  const rule = view.rules.byKey.get(key);
  const layers = chain
    .map(({ scope, scopeId }) => view.head({ key, scope, scopeId })?.value)
    .filter((value) => value !== undefined);
  const merged = mergeLayers(layers, rule?.definition.merge ?? 'deep');
  return merged === undefined || rule === undefined ? merged : rule.validator.withDefaults(merged);
}

/** Owns the question what storing a value would do. */
import {
  ConfigurationError,
  isCollection,
  parseJsonValue,
  parseLayer,
  spreadEntries,
  type ImpactReport,
  type ScopeInput,
} from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { begin, type Context } from './context.ts';
import { analyzeIntent, toReport } from './impact-analysis.ts';
import { newIntent } from './new-commit.ts';
import { parseAddress } from './write.ts';
import { tellingNoNames } from './secrets/refused-secrets.ts';

/** Says what storing a value would do, and what would refuse it. Takes the permission to read there. */
export async function analyzeImpact(
  context: Context,
  actor: Actor,
  key: string,
  newValue: unknown,
  scope: ScopeInput | undefined,
): Promise<ImpactReport> {
  begin(context);
  const [[entry, layer] = [key, newValue], ...others] = isCollection(key) ? spreadEntries(key, newValue) : [];
  if (others.length > 0) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'newValue',
      problem: 'a report is of one entry of the collection, and this gives several; ask about them one by one',
    });
  }
  const address = parseAddress(entry, scope);
  const value = await tellingNoNames(context, address.key, () => parseLayer(parseJsonValue(layer)));
  const change = { ...address, value };
  await requirePermission(context, actor, 'read', change);
  return toReport(await analyzeIntent(context, actor, newIntent(actor, [change], undefined, {}), { collect: true }));
}

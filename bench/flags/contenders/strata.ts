/** Owns evaluating with Strata. */
import { compileFlag, createFlagSet, type FeatureFlag, type FlagContext } from '@strata/core';
import { asked, countries, isOn, minimumAge, names, people, percentageOf, stride, tier, type Evaluator, type Kind } from '../workload.ts'; // prettier-ignore

/** A flag of the workload. */
export function strataFlag(kind: Kind, flag: number, name: string): FeatureFlag {
  if (kind === 'on/off') return { name, enabled: isOn(flag) };
  const rolloutPercentage = percentageOf(flag);
  if (kind === 'percentage') return { name, enabled: true, rolloutPercentage };
  return {
    name,
    enabled: true,
    rolloutPercentage,
    conditions: [
      { attribute: 'country', operator: 'in', values: countries },
      { attribute: 'tier', operator: 'equals', value: tier },
      { attribute: 'age', operator: 'gte', value: minimumAge },
    ],
  };
}

export function strata(kind: Kind): Evaluator {
  const patterns = (): never => {
    throw new Error('no flag of the workload has a pattern');
  };
  const compiled = names.map((name, flag) => compileFlag(strataFlag(kind, flag, name), { patterns, version: '1' }));
  const set = createFlagSet({
    flags: new Map(compiled.map((flag) => [flag.definition.name, flag])),
    segments: new Map(),
    now: Date.now,
  });
  const contexts = people.map(({ id, ...attributes }): FlagContext => ({ userId: id, attributes }));
  return {
    name: 'Strata',
    run: (operations) => {
      let on = 0;
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % contexts.length)
        if (set.evaluate(asked[n % asked.length] ?? '', contexts[at]).on) on += 1;
      return on;
    },
  };
}

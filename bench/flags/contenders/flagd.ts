/** Owns evaluating with flagd's evaluator. */
import { FlagdCore } from '@openfeature/flagd-core';
import { asked, countries, isOn, minimumAge, names, people, percentageOf, stride, tier, type Evaluator, type Kind } from '../workload.ts'; // prettier-ignore

function flagdFlag(kind: Kind, flag: number): object {
  const variants = { on: true, off: false };
  if (kind === 'on/off') return { state: 'ENABLED', variants, defaultVariant: isOn(flag) ? 'on' : 'off' };
  const percentage = percentageOf(flag);
  const fractional = { fractional: [['on', percentage], ['off', 100 - percentage]] }; // prettier-ignore
  const all = {
    and: [
      { in: [{ var: 'country' }, countries] },
      { '===': [{ var: 'tier' }, tier] },
      { '>=': [{ var: 'age' }, minimumAge] },
    ],
  };
  const targeting = kind === 'percentage' ? fractional : { if: [all, fractional, 'off'] };
  return { state: 'ENABLED', variants, defaultVariant: 'off', targeting };
}

export function flagd(kind: Kind): Evaluator {
  const quiet = (): void => undefined;
  const core = new FlagdCore(undefined, { error: quiet, warn: quiet, info: quiet, debug: quiet });
  core.setConfigurations(JSON.stringify({ flags: Object.fromEntries(names.map((name, flag) => [name, flagdFlag(kind, flag)])) })); // prettier-ignore
  const contexts = people.map(({ id, ...rest }) => ({ targetingKey: id, ...rest }));
  return {
    name: 'flagd-core',
    run: (operations) => {
      let on = 0;
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % contexts.length)
        if (core.resolveBooleanEvaluation(asked[n % asked.length] ?? '', false, contexts[at]).value) on += 1;
      return on;
    },
  };
}

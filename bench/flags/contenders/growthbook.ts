/** Owns evaluating with GrowthBook's client. */
import { GrowthBookClient } from '@growthbook/growthbook';
import { asked, countries, isOn, minimumAge, names, people, percentageOf, stride, tier, type Evaluator, type Kind } from '../workload.ts'; // prettier-ignore

function feature(kind: Kind, flag: number): object {
  if (kind === 'on/off') return { defaultValue: isOn(flag) };
  const rollout = { force: true, coverage: percentageOf(flag) / 100, hashAttribute: 'id' };
  const condition = { country: { $in: countries }, tier, age: { $gte: minimumAge } };
  return { defaultValue: false, rules: [kind === 'percentage' ? rollout : { ...rollout, condition }] };
}

export function growthBook(kind: Kind): Evaluator {
  const features = Object.fromEntries(names.map((name, flag) => [name, feature(kind, flag)]));
  const client = new GrowthBookClient().initSync({ payload: { features } });
  const contexts = people.map((person) => ({ attributes: { ...person } }));
  const nobody = { attributes: {} };
  return {
    name: 'GrowthBook',
    run: (operations) => {
      let on = 0;
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % contexts.length)
        if (client.evalFeature(asked[n % asked.length] ?? '', contexts[at] ?? nobody).value === true) on += 1;
      return on;
    },
    close: () => client.destroy(),
  };
}

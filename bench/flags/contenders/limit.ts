/** Owns what no evaluator can be faster than by much: the same flags written out by hand, over a Map and one hash. */
import { bucketOf, murmur3 } from '@strata/core';
import { asked, countries, isOn, minimumAge, names, people, percentageOf, stride, tier, type Evaluator, type Kind, type Person } from '../workload.ts'; // prettier-ignore

interface Entry {
  readonly on: boolean;
  readonly buckets: number;
}

type Decide = (entry: Entry, name: string, person: Person) => boolean;

/** Hashes the name and the unit as one text, as most evaluators do. */
const isIn: Decide = ({ buckets }, name, { id }) => bucketOf(murmur3(`${name}.${id}`, 0)) < buckets;

const decisions: Readonly<Record<Kind, Decide>> = {
  'on/off': ({ on }) => on,
  percentage: isIn,
  conditions: (entry, name, person) =>
    countries.includes(person.country) && person.tier === tier && person.age >= minimumAge && isIn(entry, name, person),
};

export function limit(kind: Kind): Evaluator {
  const entries = new Map(
    names.map((name, flag): [string, Entry] => [name, { on: isOn(flag), buckets: percentageOf(flag) * 1_000 }]),
  );
  const decide = decisions[kind];
  return {
    name: 'a Map and one hash',
    run: (operations) => {
      let on = 0;
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % people.length) {
        const name = asked[n % asked.length] ?? '';
        const entry = entries.get(name);
        const person = people[at];
        if (entry !== undefined && person !== undefined && decide(entry, name, person)) on += 1;
      }
      return on;
    },
  };
}

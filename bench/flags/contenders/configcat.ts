/** Owns evaluating with a snapshot of ConfigCat's client. */
import { getClient, PollingMode, User } from 'configcat-node';
import { asked, countries, isOn, minimumAge, names, people, percentageOf, stride, tier, type Evaluator, type Kind } from '../workload.ts'; // prettier-ignore

// The numbers are those of its format, version 6.
const comparators = { isOneOf: 0, greaterOrEqual: 15, equals: 28 };

function setting(kind: Kind, flag: number): object {
  if (kind === 'on/off') return { t: 0, v: { b: isOn(flag) } };
  const percentage = percentageOf(flag);
  const p = [{ p: percentage, v: { b: true } }, { p: 100 - percentage, v: { b: false } }]; // prettier-ignore
  if (kind === 'percentage') return { t: 0, v: { b: false }, p };
  const c = [
    { u: { a: 'country', c: comparators.isOneOf, l: countries } },
    { u: { a: 'tier', c: comparators.equals, s: tier } },
    { u: { a: 'age', c: comparators.greaterOrEqual, d: minimumAge } },
  ];
  return { t: 0, v: { b: false }, r: [{ c, p }] };
}

export async function configCat(kind: Kind): Promise<Evaluator> {
  const config = {
    p: { u: '', r: 0, s: 'bench' },
    f: Object.fromEntries(names.map((name, flag) => [name, setting(kind, flag)])),
  };
  const stored = [String(Date.now()), 'etag', JSON.stringify(config)].join('\n');
  const cache = { get: (): string => stored, set: (): void => undefined };
  const quiet = { log: (): void => undefined };
  // A key that no other kind has: clients are shared by their keys.
  const key = `${'x'.repeat(22)}/${kinds[kind].repeat(22)}`;
  const client = getClient(key, PollingMode.ManualPoll, { cache, logger: quiet });
  await client.waitForReady();
  const snapshot = client.snapshot();
  const users = people.map(({ id, ...custom }) => new User(id, undefined, undefined, custom));
  const nobody = new User('nobody', undefined, undefined, {});
  return {
    name: 'ConfigCat',
    run: (operations) => {
      let on = 0;
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % users.length)
        if (snapshot.getValueDetails(asked[n % asked.length] ?? '', false, users[at] ?? nobody).value) on += 1;
      return on;
    },
    close: () => client.dispose(),
  };
}

const kinds: Readonly<Record<Kind, string>> = { 'on/off': 'a', percentage: 'b', conditions: 'c' };

/** Owns evaluating with LaunchDarkly's server SDK. */
import { init } from '@launchdarkly/node-server-sdk';
import { TestData } from '@launchdarkly/node-server-sdk/integrations';
import { asked, countries, isOn, minimumAge, names, people, percentageOf, stride, tier, type Evaluator, type Kind } from '../workload.ts'; // prettier-ignore

function definition(kind: Kind, flag: number, key: string): object {
  const weight = percentageOf(flag) * 1_000;
  const rollout = {
    contextKind: 'user',
    variations: [{ variation: 0, weight }, { variation: 1, weight: 100_000 - weight }], // prettier-ignore
  };
  const clauses = [
    { contextKind: 'user', attribute: 'country', op: 'in', values: countries },
    { contextKind: 'user', attribute: 'tier', op: 'in', values: [tier] },
    { contextKind: 'user', attribute: 'age', op: 'greaterThanOrEqual', values: [minimumAge] },
  ];
  return {
    key,
    version: 1,
    on: kind !== 'on/off' || isOn(flag),
    variations: [true, false],
    offVariation: 1,
    salt: key,
    targets: [],
    contextTargets: [],
    prerequisites: [],
    rules: kind === 'conditions' ? [{ id: 'rule', clauses, rollout }] : [],
    fallthrough: kind === 'percentage' ? { rollout } : { variation: kind === 'on/off' ? 0 : 1 },
  };
}

export async function launchDarkly(kind: Kind): Promise<Evaluator> {
  const data = new TestData();
  for (const [flag, name] of names.entries()) await data.usePreconfiguredFlag(definition(kind, flag, name));
  const quiet = (): void => undefined;
  const client = init('bench', {
    updateProcessor: data.getFactory(),
    sendEvents: false,
    diagnosticOptOut: true,
    logger: { error: quiet, warn: quiet, info: quiet, debug: quiet },
  });
  await client.waitForInitialization({ timeout: 10 });
  const contexts = people.map(({ id, ...rest }) => ({ kind: 'user', key: id, ...rest }));
  return {
    name: 'LaunchDarkly',
    run: async (operations) => {
      let on = 0;
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % contexts.length)
        if ((await client.boolVariationDetail(asked[n % asked.length] ?? '', contexts[at] ?? {}, false)).value) on += 1;
      return on;
    },
    close: () => client.close(),
  };
}

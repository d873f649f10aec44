/** Owns the benchmark of evaluating flags (P1, P2, P3): Strata beside other evaluators, and beside a Map and one hash. */
import { compare, type Comparison, type Goal } from '../harness.ts';
import { installPeers } from '../peers.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';
import { flagCount, kinds, people, type Evaluator, type Kind } from './workload.ts';

installPeers();
const { evaluators, packages } = await import('./contenders/all.ts');

const bars: Readonly<Record<Kind, { flagd: [number, number]; limit: [number, number] }>> = {
  'on/off': { flagd: [3, 4.5], limit: [0.6, 0.9] },
  percentage: { flagd: [6, 10], limit: [1.5, 2.3] },
  conditions: { flagd: [3, 5], limit: [0.7, 1] },
};

/** That all of them evaluate the same flags: they hash differently, so the parts that are on are alike, not the same. */
async function checkAlike(all: readonly Evaluator[]): Promise<void> {
  const evaluations = 300_000;
  const parts = new Map<string, number>();
  for (const { name, run } of all) parts.set(name, (await run(evaluations)) / evaluations);
  const ours = parts.get('Strata') ?? Number.NaN;
  for (const [name, part] of parts)
    if (!(Math.abs(part - ours) < 0.01))
      throw new Error(`${name} is on for ${String(part)}, and Strata for ${String(ours)}`);
}

async function measure(kind: Kind): Promise<Comparison> {
  const all = await Promise.all(Object.values(evaluators).map(async (make) => make(kind)));
  await checkAlike(all);
  const goal = (id: string, peer: string, [must, stretch]: [number, number]): Goal => ({ id, subject: 'Strata', peer, measure: 'rate', must, stretch }); // prettier-ignore
  const goals: Goal[] = [
    goal('P1', 'flagd-core', bars[kind].flagd),
    goal('P2', 'a Map and one hash', bars[kind].limit),
    goal('P3', 'unleash-client', [20, 35]),
    goal('P3', 'LaunchDarkly', [12, 19]),
    { subject: 'Strata', peer: 'GrowthBook', measure: 'rate' },
    { subject: 'Strata', peer: 'ConfigCat', measure: 'rate' },
  ];
  const contenders = all.map(({ name, run }) => ({
    name,
    // What is measured is the time, not the number that comes back.
    run: async (operations: number): Promise<void> => {
      await run(operations);
    },
  }));
  try {
    return await compare(kind, contenders, goals, { clock: 'processor', roundMs: 150 });
  } finally {
    for (const { close } of all) close?.();
  }
}

const comparisons: Comparison[] = [];
for (const kind of kinds) comparisons.push(await measure(kind));

publish({
  name: 'flags/evaluation',
  about: `The details of ${String(flagCount)} flags of one kind for ${String(people.length)} contexts in turn, on one thread: switches of which half are on; percentages from 5 to 95; three conditions, each of which half of the contexts meet and an eighth all, and then a percentage. Each evaluator has the contexts in its own form; all of them are on for the same part. LaunchDarkly's answers are awaited, since it has no others; Unleash is asked for the variant, which is what it has for details. "A Map and one hash" is the same written out by hand, which hashes name and unit as one text.`,
  comparisons,
  versions: Object.fromEntries(packages.map((name) => [name, packageVersion(name)])),
});

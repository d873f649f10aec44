/** Owns the list of those who take part. */
import type { Evaluator, Kind } from '../workload.ts';
import { configCat } from './configcat.ts';
import { flagd } from './flagd.ts';
import { growthBook } from './growthbook.ts';
import { launchDarkly } from './launchdarkly.ts';
import { limit } from './limit.ts';
import { strata } from './strata.ts';
import { unleash } from './unleash.ts';

/** Everybody, by a short name. */
export const evaluators: Readonly<Record<string, (kind: Kind) => Evaluator | Promise<Evaluator>>> = {
  strata,
  limit,
  flagd,
  configCat,
  growthBook,
  launchDarkly,
  unleash,
};

/** The packages whose versions count. */
export const packages = [
  '@openfeature/flagd-core',
  'configcat-node',
  '@growthbook/growthbook',
  '@launchdarkly/node-server-sdk',
  'unleash-client',
];

/** Owns how long the tests of durability go on: `STRATA_TIER` is `quick` (default), `ci` or `soak`. */

const tiers = ['quick', 'ci', 'soak'] as const;
const tier = tiers.find((name) => name === (process.env['STRATA_TIER'] ?? 'quick'));

/** The number for the tier of this run. */
export function inTier(numbers: Readonly<Record<(typeof tiers)[number], number>>): number {
  if (tier === undefined) throw new Error(`STRATA_TIER is none of ${tiers.join(', ')}`);
  return numbers[tier];
}

/** How many times a process is killed, for each engine. */
export const kills = inTier({ quick: 10, ci: 100, soak: 1000 });

/** How many kills one store goes through before the next begins, so that checking it stays quick. */
export const killsPerStore = 50;

/** Far above what a loop takes, in milliseconds: a kill with its check takes about a second. */
export const loopTimeout = 30_000 + kills * 10_000;

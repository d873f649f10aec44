/** Owns impact levels. */
import type { ConfigScope } from './scope.ts';

/** How much a change can do: decides on approval, testing and the urgency of a rollback. */
export const ImpactLevel = {
  NONE: 'none',
  LOW: 'low',
  MEDIUM: 'medium',
  HIGH: 'high',
  CRITICAL: 'critical',
} as const;
export type ImpactLevel = (typeof ImpactLevel)[keyof typeof ImpactLevel];

/** All levels, the least first. */
export const impactLevels: readonly ImpactLevel[] = ['none', 'low', 'medium', 'high', 'critical'];

/**
 * The level of a change: the key's base level, lowered where only one user is concerned. A user's own layer of a key of medium
 * or lower impact is a preference; high and critical keys keep their level everywhere.
 */
export function changeLevel(base: ImpactLevel, scope: ConfigScope): ImpactLevel {
  return scope === 'user' && (base === 'low' || base === 'medium') ? 'none' : base;
}

/** Owns impact levels: how much a change can do, why, and how urgent it is to undo. */
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

/** The base level of a key of which no definition says another. */
export const defaultBaseImpact: ImpactLevel = 'low';

/**
 * The level of a change: the key's base level, lowered where only one user is concerned. A user's own layer of a key of medium
 * or lower impact is a preference; high and critical keys keep their level everywhere.
 */
export function changeLevel(base: ImpactLevel, scope: ConfigScope): ImpactLevel {
  return scope === 'user' && (base === 'low' || base === 'medium') ? 'none' : base;
}

/** What the level of a change follows from. */
export interface LevelGrounds {
  readonly key: string;
  readonly scope: ConfigScope;
  /** The base impact that a definition gives; undefined where none does. */
  readonly base: ImpactLevel | undefined;
  /** Whether the change makes a version at all. */
  readonly changed: boolean;
}

/** The level of a change that may change nothing, with what it follows from. */
export function explainLevel({ key, scope, base, changed }: LevelGrounds): {
  readonly level: ImpactLevel;
  readonly reasons: readonly string[];
} {
  if (!changed) return { level: 'none', reasons: ['the value is there already, so nothing changes'] };
  const level = changeLevel(base ?? defaultBaseImpact, scope);
  const reasons = [
    base === undefined
      ? `nothing defines the impact of ${key}, so that it is ${defaultBaseImpact}`
      : `the base impact of ${key} is ${base}`,
  ];
  if (level !== (base ?? defaultBaseImpact)) reasons.push('one user’s own value of such a key is a preference');
  return { level, reasons };
}

/** How urgent it is to undo a change that goes wrong. */
export type RollbackPriority = 'none' | 'low' | 'normal' | 'high' | 'immediate';

const priorities: Readonly<Record<ImpactLevel, RollbackPriority>> = {
  none: 'none',
  low: 'low',
  medium: 'normal',
  high: 'high',
  critical: 'immediate',
};

/** How urgent it is to undo a change of a level. */
export function rollbackPriorityOf(level: ImpactLevel): RollbackPriority {
  return priorities[level];
}

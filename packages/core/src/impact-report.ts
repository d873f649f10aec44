/** Owns what is told of the impact of a change before it is made. */
import type { Diff } from './diff.ts';
import type { ImpactLevel, RollbackPriority } from './impact.ts';
import type { ConfigScope } from './scope.ts';

/** A scope as it is handed out. */
export interface NamedScope {
  readonly scope: ConfigScope;
  /** `null` at global. */
  readonly scopeId: string | null;
}

/** Something that would block a change. */
export interface ImpactGate {
  /** The code of the refusal that a write would meet. */
  readonly code: string;
  readonly message: string;
}

/** Some of the scopes that were counted, by name. */
export interface AffectedSamples {
  readonly organizations: readonly string[];
  readonly teams: readonly string[];
  readonly users: readonly string[];
  /** Scopes whose own value keeps them, and what inherits from them, as they are. */
  readonly shielded: readonly NamedScope[];
}

/** Users for whom a flag serves something else than before. */
export interface FlagFlip {
  /** The variant that they get now; `null` where there is no such flag for them. */
  readonly from: string | null;
  /** The variant that they would get; the same one where its value changes. */
  readonly to: string | null;
  readonly users: number;
}

/** What a change does to those for whom a flag is evaluated. */
export interface FlagImpact {
  readonly name: string;
  /** How many of the registered users below get another variant, or another value of it, with the time of the analysis. */
  readonly flippedUsers: number;
  /** From which variant to which, most users first. */
  readonly flips: readonly FlagFlip[];
  /** How many rules, conditions and rollouts go by attributes that are not known of registered users. They were taken for missing. */
  readonly unjudgedRules: number;
  readonly unknownAttributes: readonly string[];
  /** What could not be judged, in words; absent where everything could. */
  readonly note?: string;
}

/** What a change does to whom, of one layer or of several that change together. */
export interface ImpactAnalysis {
  /** The revision at which it was computed. */
  readonly revision: number;
  readonly impactLevel: ImpactLevel;
  /** What the level and the approvals follow from. */
  readonly reasons: readonly string[];
  readonly requiresApproval: boolean;
  /** How many approvals it needs; 0 where it needs none. */
  readonly minimumApprovals: number;
  /** Whose approval counts: `role fleet-manager`, `user ann`, or who holds the permission. Empty where it needs none. */
  readonly requiredApprovers: readonly string[];
  /** The services that the definition names, and those that read the key within the last 30 days. */
  readonly affectedServices: readonly string[];
  /** The registered users whose effective value changes. */
  readonly affectedUsers: number;
  /** The registered teams and orgs whose effective value changes. */
  readonly affectedTeams: number;
  readonly affectedOrganizations: number;
  /** The registered users below whose effective value stays as it is. */
  readonly shieldedUsers: number;
  readonly samples: AffectedSamples;
  /** What becomes of the flags that change; absent where none does. */
  readonly flags?: readonly FlagImpact[];
  /** Whether some scopes below are left out of all this, because the caller may not read there. */
  readonly partial: boolean;
  /** The layers below that would become invalid: at most the first twenty. */
  readonly wouldBreak: readonly (NamedScope & {
    readonly key: string;
    readonly errors: readonly { readonly path: string; readonly message: string }[];
  })[];
  /** The keys that it depends on, the nearest first. */
  readonly dependencies: readonly string[];
  /** The keys that depend on it, the nearest first. */
  readonly dependents: readonly string[];
  /** Everything that would block it. */
  readonly gates: readonly ImpactGate[];
  readonly testingRecommendations: readonly string[];
  /** How long the services are away that have to start again; absent where none has to. */
  readonly estimatedDowntime?: string;
  readonly rollbackPriority: RollbackPriority;
  /** The way back, with the version and the command. */
  readonly rollbackPlan: string;
}

/** What a change of one layer does. */
export interface ImpactReport extends ImpactAnalysis, NamedScope {
  readonly key: string;
  /** Whether the change would make a version at all. */
  readonly changed: boolean;
  /** What changes in the layer. */
  readonly diff: readonly Diff[];
  /** What changes in the effective value at this scope. */
  readonly effectiveDiff: readonly Diff[];
}

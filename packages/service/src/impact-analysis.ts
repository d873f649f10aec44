/** Owns the analysis of an intent: what it would do, to whom, what blocks it, what is to be tested and how it is undone. */
import {
  ConfigurationError,
  dependenciesOf,
  entryKey,
  estimatedDowntime,
  rollbackPlan,
  rollbackPriorityOf,
  testingRecommendations,
  type ImpactAnalysis,
  type ImpactGate,
  type ImpactReport,
  type Requirement,
  type ScopeRef,
} from '@strata/core';
import { accessNow, allows, notPermitted } from './access.ts';
import type { Actor } from './actor.ts';
import { describeLayers } from './below.ts';
import type { Context } from './context.ts';
import { inTransaction } from './decision-commit.ts';
import { assess, type AssessedLayer, type Assessment } from './impact-assessment.ts';
import { measureFlags, toFlagImpacts, type FlagReach } from './impact-flags.ts';
import { findBelow, measureReach, type Reach } from './impact-reach.ts';
import { noReach, seeReach, type SeenReach } from './impact-visibility.ts';
import { actionOf, type Intent } from './intent.ts';
import { visibleDependencies } from './key-visibility.ts';
import { withSecrets } from './secrets/with-secrets.ts';
import { readDependencies, type StoredDependency } from './store/dependencies.ts';
import { readServices } from './store/usage.ts';
import type { BrokenLayer } from './validation.ts';
import { filterPermitted } from './visibility.ts';

/** An analysis with what it says of each layer, in the order of the changes. */
export interface AnalyzedIntent {
  readonly analysis: ImpactAnalysis;
  readonly layers: readonly AssessedLayer[];
}

/** The report on a change of one layer. */
export function toReport({ analysis, layers }: AnalyzedIntent): ImpactReport {
  const [layer] = layers;
  if (layer === undefined) throw new Error('a report is of exactly one change');
  return { ...toPreview(layer), ...analysis };
}

/** What would become of one layer, as it is handed out. */
export type LayerPreview = Pick<
  ImpactReport,
  'key' | 'scope' | 'scopeId' | 'changed' | 'impactLevel' | 'diff' | 'effectiveDiff'
>;

/** An assessed layer as it is handed out. */
export function toPreview({ change, changed, impactLevel, diff, effectiveDiff }: AssessedLayer): LayerPreview {
  const { key, scope, scopeId } = change;
  return { key, scope, scopeId: scope === 'global' ? null : scopeId, changed, impactLevel, diff, effectiveDiff };
}

/** For how many days back a service that read a key counts as one that uses it. */
const observedDays = 30;

/** What was read of one snapshot. */
interface Findings {
  readonly assessment: Assessment;
  readonly reach: Reach | undefined;
  readonly flags: FlagReach | undefined;
  readonly dependencies: readonly StoredDependency[];
  readonly readers: ReadonlyMap<string, readonly string[]>;
}

/**
 * Analyzes an intent as its actor may see it. Everything is read in one snapshot; who may see what is asked after that.
 * @throws ConfigurationError without `collect` what the write would be refused with, besides approvals and broken layers.
 */
export async function analyzeIntent(
  context: Context,
  actor: Actor,
  intent: Intent,
  { collect = false }: { readonly collect?: boolean } = {},
): Promise<AnalyzedIntent> {
  const singles = await singlesOf(context, actor);
  const findings = await withSecrets(context, intent, (given) =>
    inSnapshot(context, (inside) => find(inside, given, collect, singles)),
  );
  const { assessment, reach } = findings;
  const keys = [...new Set(intent.changes.map(({ key }) => key))];
  const seen = reach === undefined ? noReach : await seeReach(context, actor, keys, reach);
  const visible = await filterPermitted(context, actor, 'read', assessment.broken, toPlace);
  const gates = await gatesOf(context, actor, intent, assessment, visible);
  const wouldBreak = visible;
  return {
    analysis: toAnalysis(findings, keys, seen, gates, wouldBreak, await tiesOf(context, actor, keys, findings)),
    layers: assessment.layers,
  };
}

const toPlace = ({ key, scope, scopeId }: BrokenLayer): ScopeRef & { readonly key: string } => ({
  key,
  scope,
  scopeId: scopeId ?? '',
});

function inSnapshot<T>(context: Context, work: (inside: Context) => Promise<T>): Promise<T> {
  return context.db.transaction(async (sql) => {
    await sql.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    return work(inTransaction(context, sql));
  });
}

/** The users whom the bindings of an actor name, so that he may see more or less of them than of who inherits from the same. */
async function singlesOf(context: Context, actor: Actor): Promise<readonly string[]> {
  if (context.access.isOpen) return [];
  const rules = await accessNow(context);
  if (context.access.isUnasked(rules, actor)) return [];
  const grants = context.access.grants(rules, actor);
  return grants.flatMap(({ scope }) => (scope.scope === 'user' ? [scope.scopeId] : []));
}

async function find(context: Context, intent: Intent, collect: boolean, singles: readonly string[]): Promise<Findings> {
  const { db, environment } = context;
  const assessment = await assess(context, intent, collect);
  const changes = assessment.layers.filter(({ changed }) => changed).map(({ change }) => change);
  const keys = [...new Set(intent.changes.map(({ key }) => key))];
  const change = { changes, before: assessment.before, after: assessment.after };
  const below = changes.length === 0 ? undefined : await findBelow(db, environment, changes, singles);
  return {
    assessment,
    reach: below && (await measureReach(db, environment, change, below)),
    flags: below && (await measureFlags(db, environment, change, below)),
    dependencies: await readDependencies(db, environment),
    readers: await readServices(db, environment, keys, observedDays),
  };
}

/** What keys are tied to, as far as the actor may know. */
type Ties = Pick<ImpactAnalysis, 'dependencies' | 'dependents'>;

async function tiesOf(
  context: Context,
  actor: Actor,
  keys: readonly string[],
  { dependencies }: Findings,
): Promise<Ties> {
  const visible = await visibleDependencies(context, actor, dependencies);
  const along = (direction: keyof Ties): readonly string[] => [
    ...new Set(keys.flatMap((key) => dependenciesOf(visible, key, direction)).filter((key) => !keys.includes(key))),
  ];
  return { dependencies: along('dependencies'), dependents: along('dependents') };
}

async function gatesOf(
  context: Context,
  actor: Actor,
  intent: Intent,
  { refusals, broken, requires }: Assessment,
  visible: readonly BrokenLayer[],
): Promise<readonly ImpactGate[]> {
  const gates: ImpactGate[] = [];
  for (const change of intent.changes) {
    const action = actionOf(change);
    if (await allows(context, actor, action, change)) continue;
    gates.push(toGate(notPermitted(actor, action, change)));
  }
  gates.push(...refusals.map(toGate));
  if (broken.length > 0) {
    const hidden = broken.length - visible.length;
    const layers = [
      describeLayers(visible),
      ...(hidden > 0 ? [`${String(hidden)} that ${actor.id} may not read`] : []),
    ];
    gates.push(
      toGate(new ConfigurationError('would_break', { layers: layers.filter((one) => one !== '').join(', ') })),
    );
  }
  if (requires !== undefined) {
    gates.push({ code: 'approval_required', message: `It waits for ${approvalsOf(requires)}: ${askedBy(requires)}.` });
  }
  return gates;
}

const toGate = ({ code, message }: ConfigurationError): ImpactGate => ({ code, message });

const approvalsOf = ({ minimumApprovals }: Requirement): string =>
  minimumApprovals === 1 ? 'an approval' : `${String(minimumApprovals)} approvals`;

const askedBy = ({ policies }: Requirement): string =>
  `the policy ${policies.map(({ name }) => name).join(', ')} asks for that`;

function approversOf(requires: Requirement | undefined): readonly string[] {
  const named = (requires?.policies ?? []).flatMap(({ approvers }) =>
    approvers === undefined
      ? ['whoever may approve, besides the author']
      : [
          ...(approvers.roles ?? []).map((role) => `role ${role}`),
          ...(approvers.users ?? []).map((user) => `user ${user}`),
        ],
  );
  return [...new Set(named)];
}

function toAnalysis(
  { assessment, readers, flags: reachOfFlags }: Findings,
  keys: readonly string[],
  seen: SeenReach,
  gates: readonly ImpactGate[],
  wouldBreak: readonly BrokenLayer[],
  ties: Ties,
): ImpactAnalysis {
  const { revision, layers, impactLevel, requires, wayBackRequires, before, broken } = assessment;
  const { about, byKey } = before.rules;
  const servicesOf = (key: string): readonly string[] =>
    [...new Set([...(about.get(key)?.services ?? []), ...(readers.get(key) ?? [])])].sort();
  const written = layers.filter(({ changed }) => changed);
  const restarting = [...new Set(written.map(({ change }) => change.key))].filter(
    (key) => about.get(key)?.restartNeeded === true,
  );
  const needs = restarting.map((key) => ({
    services: servicesOf(key),
    downtimeSeconds: about.get(key)?.downtimeSeconds,
  }));
  const downtime = estimatedDowntime(needs);
  const flags = reachOfFlags && toFlagImpacts(reachOfFlags, seen.groups, seen.users);
  const { samples } = seen;
  const [trialOrg] = samples.organizations;
  const [trialTeam] = samples.teams;
  const [example] = samples.shielded;
  return {
    revision,
    impactLevel,
    reasons: [...new Set([...layers.flatMap(({ reasons }) => reasons), reasonOf(requires)])],
    requiresApproval: requires !== undefined,
    minimumApprovals: requires?.minimumApprovals ?? 0,
    requiredApprovers: approversOf(requires),
    affectedServices: [...new Set(keys.flatMap(servicesOf))].sort(),
    ...seen.counts,
    samples,
    ...(flags === undefined ? {} : { flags }),
    partial: seen.partial,
    wouldBreak,
    ...ties,
    gates,
    testingRecommendations: written.flatMap(({ change, effectiveDiff, secret }) =>
      testingRecommendations({
        key: change.key,
        level: impactLevel,
        changes: effectiveDiff,
        schema: byKey.get(change.key)?.definition.jsonSchema,
        secret,
        dependents: ties.dependents,
        services: servicesOf(change.key),
        restartNeeded: about.get(change.key)?.restartNeeded === true,
        shielded:
          example === undefined
            ? undefined
            : { example: { scope: example.scope, scopeId: example.scopeId ?? '' }, count: seen.shieldingScopes },
        broken: broken.length,
        flips: flags?.find(({ name }) => change.key === entryKey('feature_flags', name))?.flips,
        trial: trialOf(change, trialOrg, trialTeam),
      }),
    ),
    ...(downtime === undefined ? {} : { estimatedDowntime: downtime }),
    rollbackPriority: rollbackPriorityOf(impactLevel),
    rollbackPlan: rollbackPlan({
      addresses: written.map(({ change: { key, scope, scopeId } }) => ({ key, scope, scopeId })),
      version: written[0]?.version ?? null,
      approvals: wayBackRequires?.minimumApprovals ?? 0,
      restart: [...new Set(needs.flatMap(({ services }) => services))].sort(),
    }),
  };
}

const reasonOf = (requires: Requirement | undefined): string =>
  requires === undefined
    ? 'no policy asks for approvals of it'
    : `the policy ${requires.policies.map(({ name }) => name).join(', ')} asks for ${approvalsOf(requires)}`;

/** Where a change could be tried first: below its own scope. */
function trialOf({ scope }: ScopeRef, org: string | undefined, team: string | undefined): ScopeRef | undefined {
  if (scope === 'global' && org !== undefined) return { scope: 'org', scopeId: org };
  if ((scope === 'global' || scope === 'org') && team !== undefined) return { scope: 'team', scopeId: team };
  return undefined;
}

/** Owns the evaluation of flags for callers: at which scope, by whose leave, and what it answers where it cannot. */
import {
  entryKey,
  explainEvaluation,
  globalScope,
  isConfigurationError,
  isJsonObject,
  notFound,
  parseScopeContext,
  resolveChain,
  shortVersion,
  type ConfigScope,
  type ConfigurationError,
  type FlagContext,
  type FlagDecision,
  type FlagErrorCode,
  type FlagEvaluation,
  type FlagTrace,
  type JsonValue,
  type ScopeContext,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import { accessNow, answerOn, authorityOf, notPermitted, requirePermission, type Place } from './access.ts';
import type { Actor } from './actor.ts';
import { open, type Context } from './context.ts';
import { needsLinks, requestOf } from './flag-place.ts';
import type { ChainWorld } from './flag-world.ts';
import { filterPermitted } from './visibility.ts';

/** How a flag is evaluated. */
export interface EvaluateOptions {
  /** The scope whose flags are evaluated. Default: the user, else the team, else the org that the context names, within its registered parents. */
  readonly scope?: ScopeContext;
}

/** An evaluation with the way to it, and the layers that the flag is made of. */
export interface FlagExplanation extends FlagTrace {
  readonly name: string;
  /** The scopes that it was evaluated along, from global down. */
  readonly chain: readonly ScopePlace[];
  /** The layers of the flag on that chain, from global down. */
  readonly layers: readonly FlagLayer[];
  /** The part of the flag that decided, and the layer that gives it; absent where the flag does not say so itself. */
  readonly origin?: FlagOrigin | undefined;
}

/** A scope as answers have it: `scopeId` is null at global. */
export interface ScopePlace {
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
}

/** A layer of a flag: its version, `null` where the caller may not read it, and which parts of the flag it gives. */
export interface FlagLayer extends ScopePlace {
  readonly version: string | null;
  readonly parts: readonly string[];
}

/** Where a part of a flag comes from. */
export interface FlagOrigin extends ScopePlace {
  readonly path: string;
  readonly version: string | null;
}

const emptyContext: FlagContext = Object.freeze({});
const resolvedTrue = Promise.resolve(true);
const resolvedFalse = Promise.resolve(false);

/** Whether a flag is on for a context. */
export function evaluateFlag(
  context: Context,
  actor: Actor,
  name: string,
  given: FlagContext | undefined,
  fallback: boolean,
  options: EvaluateOptions | undefined,
): Promise<boolean> {
  const evaluation = options === undefined ? evaluateHere(context, actor, name, given) : undefined;
  if (evaluation !== undefined) return evaluation.on ? resolvedTrue : resolvedFalse;
  return evaluateThere(context, actor, name, given, fallback, options ?? {}).then(({ on }) => on);
}

/** What a flag serves for a context, and why. */
export function evaluateFlagDetail(
  context: Context,
  actor: Actor,
  name: string,
  given: FlagContext | undefined,
  fallback: JsonValue,
  options: EvaluateOptions | undefined,
): Promise<FlagEvaluation> {
  const evaluation = options === undefined ? evaluateHere(context, actor, name, given) : undefined;
  return evaluation === undefined
    ? evaluateThere(context, actor, name, given, fallback, options ?? {})
    : Promise.resolve(evaluation);
}

/** The evaluation where it takes nothing but the flag: it is the same for every scope, and nobody is asked. */
function evaluateHere(
  context: Context,
  actor: Actor,
  name: string,
  given: FlagContext | undefined,
): FlagEvaluation | undefined {
  const { flags, access } = context;
  if (!access.isOpen || context.closed || !isText(name)) return undefined;
  const flag = flags.everywhere(name);
  if (flag === undefined) return undefined;
  const evaluation = flag.evaluate(given ?? emptyContext, flags.global);
  flags.onEvaluated?.(evaluation, actor);
  return evaluation;
}

const isText = (name: unknown): name is string => typeof name === 'string';

async function evaluateThere(
  context: Context,
  actor: Actor,
  name: string,
  given: FlagContext | undefined,
  fallback: JsonValue,
  options: EvaluateOptions,
): Promise<FlagEvaluation> {
  if (!isText(name)) return notFound(name, fallback);
  const found = await findWorld(context, actor, name, given, options);
  if ('errorCode' in found) return failed(name, fallback, found);
  const evaluation = evaluateIn(found.world, name, given, fallback);
  context.flags.onEvaluated?.(evaluation, actor);
  return evaluation;
}

function evaluateIn(
  world: ChainWorld,
  name: string,
  given: FlagContext | undefined,
  fallback: JsonValue,
): FlagEvaluation {
  const flag = world.flag(name);
  if (flag !== undefined) return flag.evaluate(given ?? emptyContext, world);
  const fault = world.faultOf(name);
  return fault === undefined
    ? notFound(name, fallback)
    : failed(name, fallback, { errorCode: 'PARSE_ERROR', errorMessage: fault });
}

/** The evaluations of all flags that the actor may read, by name; archived ones are left out. @throws ConfigurationError `not_permitted`, … */
export async function evaluateAll(
  context: Context,
  actor: Actor,
  given: FlagContext | undefined,
  options: EvaluateOptions,
): Promise<Map<string, FlagEvaluation>> {
  const { world, place } = await worldAt(context, given, options);
  const evaluations = new Map<string, FlagEvaluation>();
  for (const name of await readableFlags(context, actor, world.names(), place)) {
    if (world.flag(name)?.definition.archived === true) continue;
    const evaluation = evaluateIn(world, name, given, false);
    context.flags.onEvaluated?.(evaluation, actor);
    evaluations.set(name, evaluation);
  }
  return evaluations;
}

/** An evaluation with its trace, and the layers that the flag is made of. It is not counted. */
export async function explainFlag(
  context: Context,
  actor: Actor,
  name: string,
  given: FlagContext | undefined,
  fallback: JsonValue,
  options: EvaluateOptions,
): Promise<FlagExplanation> {
  if (!isText(name))
    return { name: '', evaluation: notFound(name, fallback), decidedBy: 'error', chain: [], layers: [] };
  const found = await findWorld(context, actor, name, given, options);
  if ('errorCode' in found) {
    return { name, evaluation: failed(name, fallback, found), decidedBy: 'error', chain: [], layers: [] };
  }
  const { world, chain } = found;
  const flag = world.flag(name);
  const trace: FlagTrace =
    flag === undefined
      ? { evaluation: evaluateIn(world, name, given, fallback), decidedBy: 'error' }
      : explainEvaluation(flag, given ?? emptyContext, world);
  const layers = await layersOn(context, actor, name, chain);
  return { name, ...trace, chain: chain.map(shownPlace), layers, origin: originOf(trace, layers) };
}

async function layersOn(
  context: Context,
  actor: Actor,
  name: string,
  chain: readonly ScopeRef[],
): Promise<readonly FlagLayer[]> {
  const key = entryKey('feature_flags', name);
  const layers = chain.flatMap((scope) => context.flags.layers.layerAt(key, scope) ?? []);
  const told = await filterPermitted(context, actor, 'read', layers, ({ scope, scopeId }) => ({ scope, scopeId, key }));
  return layers.map((layer) => ({
    ...shownPlace(layer),
    version: told.includes(layer) ? shortVersion(layer.hash) : null,
    parts: isJsonObject(layer.value) ? Object.keys(layer.value) : [],
  }));
}

const shownPlace = ({ scope, scopeId }: ScopeRef): ScopePlace => ({
  scope,
  scopeId: scope === 'global' ? null : scopeId,
});

/** Which part of a flag each kind of decision goes by. */
const decidingParts: Readonly<Partial<Record<FlagDecision, string>>> = {
  archived: 'archived',
  disabled: 'enabled',
  schedule: 'schedule',
  prerequisite: 'prerequisites',
  conditions: 'conditions',
  rule: 'rules',
  rollout: 'rolloutPercentage',
};

/** Lists of rules and conditions replace each other whole, so that the nearest layer that has one gives all of it. */
function originOf(
  { decidedBy, evaluation, rules = [] }: FlagTrace,
  layers: readonly FlagLayer[],
): FlagOrigin | undefined {
  const part = decidedBy === undefined ? undefined : decidingParts[decidedBy];
  const layer = part === undefined ? undefined : layers.findLast(({ parts }) => parts.includes(part));
  if (part === undefined || layer === undefined) return undefined;
  const index = rules.findIndex(({ id }) => id === evaluation.ruleId);
  const { scope, scopeId, version } = layer;
  return { path: part === 'rules' && index >= 0 ? `rules[${String(index)}]` : part, scope, scopeId, version };
}

/** Why an evaluation came to nothing. */
interface Failure {
  readonly errorCode: FlagErrorCode;
  readonly errorMessage: string;
}

/** The evaluation of a flag that could not be evaluated at all: the caller's value. */
function failed(name: unknown, fallback: JsonValue, { errorCode, errorMessage }: Failure): FlagEvaluation {
  return Object.freeze({ ...notFound(name, fallback), errorCode, errorMessage });
}

/** What a flag is evaluated in. */
interface Found {
  readonly world: ChainWorld;
  readonly chain: readonly ScopeRef[];
  /** Where the actor has to be permitted to read. */
  readonly place: ScopeRequest;
}

/** What a flag is evaluated in, where the actor may read it there; else what the evaluation says. */
async function findWorld(
  context: Context,
  actor: Actor,
  name: string,
  given: FlagContext | undefined,
  options: EvaluateOptions,
): Promise<Found | Failure> {
  try {
    const found = await worldAt(context, given, options);
    // Whoever may not read it is told the same of a flag that there is and of one that there is not.
    const place: Place = { ...found.place, key: entryKey('feature_flags', name) };
    const answer = await answerOn(context, actor, 'read', place, 'one');
    return answer === true ? found : failureOf(notPermitted(actor, 'read', place, answer));
  } catch (error) {
    if (!isConfigurationError(error) || error.status < 500) throw error;
    return failureOf(error);
  }
}

function failureOf({ status, message }: ConfigurationError): Failure {
  return { errorCode: status >= 500 ? 'PROVIDER_NOT_READY' : 'GENERAL', errorMessage: message };
}

async function worldAt(context: Context, given: FlagContext | undefined, { scope }: EvaluateOptions): Promise<Found> {
  const { flags } = open(context);
  const request = scope === undefined ? requestOf(given) : parseScopeContext(scope);
  await flags.load();
  const links = needsLinks(flags.layers, request)
    ? (flags.parents.find(request) ?? (await flags.parents.look(context.db, context.environment, request)))
    : [];
  const chain = resolveChain(request, links);
  const world = flags.worldOf(chain);
  return { world, chain, place: scope === undefined ? placeToAsk(request, world.chain) : request };
}

/**
 * Where somebody has to be permitted who evaluates for a context: at the org and the team that it names, and wherever a layer is that counts.
 * A user without layers need not be known at all.
 */
function placeToAsk(request: ScopeRequest, used: readonly ScopeRef[]): ScopeRequest {
  const { scope, organizationId, teamId } = request;
  const usedAt = (kind: ConfigScope): ScopeRef | undefined => used.find((one) => one.scope === kind);
  if (scope !== 'user' || usedAt('user') !== undefined) return request;
  const team = usedAt('team')?.scopeId ?? teamId;
  const org = organizationId === undefined ? {} : { organizationId };
  if (team !== undefined) return { scope: 'team', scopeId: team, ...org };
  const orgId = usedAt('org')?.scopeId ?? organizationId;
  return orgId === undefined ? globalScope : { scope: 'org', scopeId: orgId };
}

/** Those of some flags that an actor may read. @throws ConfigurationError `not_permitted` where he may read none anyway. */
export async function readableFlags(
  context: Context,
  actor: Actor,
  names: readonly string[],
  place: ScopeRequest,
): Promise<readonly string[]> {
  const { access } = context;
  await requirePermission(context, actor, 'read', place, 'list');
  if (access.isOpen) return names;
  const rules = await accessNow(context);
  if (access.isUnasked(rules, actor)) return names;
  const chains = await authorityOf(context, place);
  const answers = await Promise.all(
    names.map(async (name) =>
      access.decide(rules, actor, 'read', access.claims(entryKey('feature_flags', name), chains), 'list'),
    ),
  );
  return names.filter((_, index) => answers[index] === true);
}

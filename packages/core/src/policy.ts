/** Owns approval policies: which changes need approvals, how many, and whose. */
import { entriesPattern } from './collection.ts';
import { ConfigurationError, describeInput } from './errors.ts';
import { globMatcher } from './glob.ts';
import { impactLevels, type ImpactLevel } from './impact.ts';
import { parseId, scopes, type ConfigScope } from './scope.ts';

/** Who may approve, by role or by name; whoever is either may. */
export interface PolicyApprovers {
  readonly roles?: readonly string[];
  readonly users?: readonly string[];
}

/** A rule of who has to agree to which changes. */
export interface ApprovalPolicy {
  readonly name: string;
  /** The keys that it is about: names, or globs in which `*` stands for any characters. */
  readonly keys: readonly string[];
  /** The scopes that it is about. Default: all. */
  readonly scopes?: readonly ConfigScope[];
  /** The impact levels that it is about. Default: all. */
  readonly levels?: readonly ImpactLevel[];
  /** How many people other than the author have to agree: 0 (nobody) to 20. */
  readonly minimumApprovals: number;
  /** Who of them counts. Default: whoever may approve at all. */
  readonly approvers?: PolicyApprovers;
  /**
   * Whether a first value needs approvals too: `exempt` (default): none at global or an org, and at a team or user what a change of the
   * layer above would need; `approve`: the same as any other change.
   */
  readonly firstValues?: 'exempt' | 'approve';
  /** After how many seconds a request expires that was not decided on: 60 to 31,536,000. Default: 604,800 (seven days). */
  readonly expiresIn?: number;
}

/** What is in force where nothing else was said: changes of critical impact need two. */
export const defaultPolicy: ApprovalPolicy = Object.freeze({
  name: 'default',
  keys: Object.freeze(['*']),
  levels: Object.freeze(['critical'] as const),
  minimumApprovals: 2,
});

/** How long a request waits that its policy says nothing about, in seconds. */
export const defaultExpiry = 7 * 24 * 60 * 60;

const most = { keys: 100, approvals: 20, approvers: 1000 };
const policyNames: ReadonlySet<string> = new Set<keyof ApprovalPolicy>([
  'name',
  'keys',
  'scopes',
  'levels',
  'minimumApprovals',
  'approvers',
  'firstValues',
  'expiresIn',
]);

/**
 * Checks a policy.
 * @throws ConfigurationError `invalid_argument` for the first part of it that cannot be.
 */
export function parsePolicy(input: unknown): ApprovalPolicy {
  if (typeof input !== 'object' || input === null) refuse('policy', 'give it as { name, keys, minimumApprovals, … }');
  const given = input as Record<keyof ApprovalPolicy, unknown>;
  for (const name of Object.keys(given)) {
    if (!policyNames.has(name)) refuse('policy', `there is no ${name}; there are ${[...policyNames].join(', ')}`);
  }
  const { minimumApprovals, firstValues, expiresIn } = given;
  const policy: ApprovalPolicy = {
    name: parsePolicyName(given.name),
    keys: parseList(given.keys, 'keys', most.keys, parsePattern),
    ...(given.scopes === undefined ? {} : { scopes: parseWords(given.scopes, 'scopes', scopes) }),
    ...(given.levels === undefined ? {} : { levels: parseWords(given.levels, 'levels', impactLevels) }),
    minimumApprovals: parseWhole(minimumApprovals, 'minimumApprovals', 0, most.approvals),
    ...(given.approvers === undefined ? {} : { approvers: parseApprovers(given.approvers) }),
    ...(firstValues === undefined ? {} : { firstValues: parseWord(firstValues, 'firstValues', ['exempt', 'approve']) }),
    ...(expiresIn === undefined ? {} : { expiresIn: parseWhole(expiresIn, 'expiresIn', 60, 365 * 24 * 60 * 60) }),
  };
  refuseUnmeetable(policy);
  return policy;
}

// It would guard itself, too, and could never be changed again.
function refuseUnmeetable({ approvers, minimumApprovals }: ApprovalPolicy): void {
  const users = approvers?.users?.length ?? 0;
  if (approvers === undefined || approvers.roles !== undefined || users >= minimumApprovals) return;
  refuse(
    'approvers',
    `${String(minimumApprovals)} approvals can never be given by ${String(users)} user${users === 1 ? '' : 's'}`,
  );
}

/** Checks the name of a policy: 1 to 255 characters. @throws ConfigurationError `invalid_argument`. */
export function parsePolicyName(name: unknown): string {
  return parseId(name, 'name');
}

function parseApprovers(input: unknown): PolicyApprovers {
  if (typeof input !== 'object' || input === null) refuse('approvers', 'give them as { roles, users }');
  const { roles, users, ...others } = input as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) refuse('approvers', `there is no ${other}; there are roles, users`);
  const parsed = {
    ...(roles === undefined ? {} : { roles: parseList(roles, 'approvers.roles', most.approvers, parseId) }),
    ...(users === undefined ? {} : { users: parseList(users, 'approvers.users', most.approvers, parseId) }),
  };
  if (Object.keys(parsed).length === 0) refuse('approvers', 'name at least one role or user, or leave it out');
  return parsed;
}

function parsePattern(input: unknown, argument: string): string {
  if (typeof input === 'string' && /^[A-Za-z0-9_.:/*?-]{1,255}$/.test(input)) return entriesPattern(input);
  return refuse(argument, `${describeInput(input)} is no key and no glob of keys`);
}

function parseList<T>(
  input: unknown,
  argument: string,
  limit: number,
  parse: (one: unknown, argument: string) => T,
): readonly T[] {
  if (!Array.isArray(input) || input.length === 0 || input.length > limit)
    return refuse(argument, `give a list of 1 to ${String(limit)}`);
  return [...new Set(input.map((one: unknown) => parse(one, argument)))];
}

function parseWords<T extends string>(input: unknown, argument: string, words: readonly T[]): readonly T[] {
  return parseList(input, argument, words.length, (one) => parseWord(one, argument, words));
}

function parseWord<T extends string>(input: unknown, argument: string, words: readonly T[]): T {
  const word = words.find((one) => one === input);
  return word ?? refuse(argument, `${describeInput(input)} is none of ${words.join(', ')}`);
}

function parseWhole(input: unknown, argument: string, least: number, highest: number): number {
  if (typeof input === 'number' && Number.isInteger(input) && input >= least && input <= highest) return input;
  return refuse(argument, `give a whole number from ${String(least)} to ${String(highest)}`);
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}

/** Whether any policy could ask for approvals of changes of a key whose base impact is given, at whichever scope. */
export function mayNeedApproval(policies: readonly ApprovalPolicy[], key: string, base: ImpactLevel): boolean {
  return policies.some(
    // A level may be lowered from the base, never raised.
    ({ minimumApprovals, levels, keys }) =>
      minimumApprovals > 0 &&
      (levels === undefined || levels.some((level) => impactLevels.indexOf(level) <= impactLevels.indexOf(base))) &&
      keys.some((pattern) => matchesKey(pattern, key)),
  );
}

/**
 * The policy that decides on a change: of those about its key, scope and level the one with the most specific pattern (a name before
 * any glob, then the longer text beside wildcards), of equally specific ones the one that asks for most approvals, then the first by name.
 */
export function governingPolicy(
  policies: readonly ApprovalPolicy[],
  key: string,
  scope: ConfigScope,
  level: ImpactLevel,
): ApprovalPolicy | undefined {
  let best: { readonly policy: ApprovalPolicy; readonly weight: number } | undefined;
  for (const policy of policies) {
    if (policy.scopes?.includes(scope) === false || policy.levels?.includes(level) === false) continue;
    const weight = specificity(policy.keys, key);
    if (weight === undefined) continue;
    if (best === undefined || comesBefore(policy, weight, best.policy, best.weight)) best = { policy, weight };
  }
  return best?.policy;
}

function comesBefore(policy: ApprovalPolicy, weight: number, other: ApprovalPolicy, otherWeight: number): boolean {
  if (weight !== otherWeight) return weight > otherWeight;
  if (policy.minimumApprovals !== other.minimumApprovals) return policy.minimumApprovals > other.minimumApprovals;
  return policy.name < other.name;
}

function specificity(patterns: readonly string[], key: string): number | undefined {
  let weight: number | undefined;
  for (const pattern of patterns) {
    if (!matchesKey(pattern, key)) continue;
    const literal = pattern.replaceAll(/[*?]/g, '').length;
    weight = Math.max(weight ?? 0, literal === pattern.length ? Number.POSITIVE_INFINITY : literal);
  }
  return weight;
}

function matchesKey(pattern: string, key: string): boolean {
  return pattern === '*' || pattern === key || (/[*?]/.test(pattern) && globMatcher(pattern)(key));
}

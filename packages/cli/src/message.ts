/** Owns how the command line tells an error. */
import { isClientError } from '@strata/client';
import { localTime } from './output.ts';
import { printable } from './terminal.ts';

/** What is wrong, and what to do next. */
interface Advice {
  readonly what: string;
  readonly next: string;
}

/**
 * The words of the command line for refusals whose own message tells a program what to call next. `{name}` is filled from the
 * error's details.
 */
const ownWords: ReadonlyMap<string, Advice> = new Map([
  ['version_not_found', { what: 'No version {version} of {key}.', next: 'See: strata log {key}' }],
  [
    'conflict',
    {
      what: 'The value at {address} has changed: expected {expected}, found {current}.',
      next: 'Look at it with strata show, and try again.',
    },
  ],
  [
    'would_break',
    {
      what: 'This change would make values below it invalid: {layers}.',
      next: 'Correct those first, or add --force.',
    },
  ],
  [
    'schema_breaks_values',
    {
      what: 'The schema of {key} does not fit values that are stored: {layers}.',
      next: 'Correct those first, or add --on-invalid report.',
    },
  ],
  [
    'approval_required',
    {
      what: 'This change requires approval, so nothing is stored yet. Change request created: {requestId}.',
      next: 'It waits until {expiresAt} for {approvals} (policy {policies}{counting}), given with: strata approve {requestId} --actor <approver>. Who may, and how it stands: strata request show {requestId}',
    },
  ],
  [
    'request_edited',
    {
      what: 'The change request {requestId} was edited since you saw it.',
      next: 'Look at it with strata request show {requestId}, then: strata approve {requestId} --edition {edition}',
    },
  ],
  [
    'request_conflicted',
    {
      what: 'The change request {requestId} cannot be applied as it was shown: {problem}.',
      next: 'Its author proposes it anew with strata request edit {requestId}, or takes it back with strata request withdraw {requestId}.',
    },
  ],
  [
    'request_not_found',
    {
      what: 'There is no change request {requestId}.',
      next: 'Those that wait: strata pending. All: strata request list',
    },
  ],
  [
    'not_the_author',
    {
      what: '{actor} did not write the change request {requestId}; {author} did.',
      next: 'Reject it instead: strata reject {requestId} -m <reason>',
    },
  ],
  [
    'flag_not_found',
    {
      what: 'There is no flag {name} at {scope}.',
      next: 'See: strata flag list, or make one: strata flag create {name}',
    },
  ],
  [
    'flag_name_used',
    {
      what: 'There was a flag {name} at {scope} until revision {revision}, and its name is not used again.',
      next: 'Put that flag back with strata rollback feature_flags/{name} HEAD~1, or choose another name.',
    },
  ],
  ['binding_not_found', { what: 'There is no role binding {id}.', next: 'See: strata role bindings' }],
  ['scope_not_found', { what: 'The scope {scope} is not registered.', next: 'See: strata scopes list' }],
  [
    'outcome_unknown',
    {
      what: 'The server lost its database while writing, so the outcome is unknown.',
      next: 'Look with strata log before you repeat it.',
    },
  ],
]);

/** The message of an error as one line, with what to do next. */
export function messageOf(error: unknown): string {
  const { what, next } = adviceOf(error);
  return printable(`${what} ${next}`.replaceAll(/\s+/g, ' ').trim());
}

/** The message of an error, with what it says to do next apart where that is the command line's. */
export function adviceOf(error: unknown): Advice {
  const message = error instanceof Error ? error.message : String(error);
  const own = isClientError(error) ? ownWords.get(error.code) : undefined;
  if (own === undefined || !isClientError(error)) return { what: message, next: '' };
  const details = toWords(error.details);
  const what = fill(own.what, details);
  const next = fill(own.next, details);
  return what === undefined || next === undefined ? { what: message, next: '' } : { what, next };
}

/** The details as people read them: times of this machine, lists, and how many approvals. */
function toWords({ expiresAt, policies, approvers, minimumApprovals, ...details }: Details): Details {
  return {
    ...details,
    ...(typeof expiresAt === 'string' ? { expiresAt: localTime(expiresAt) } : {}),
    ...(Array.isArray(policies) ? { policies: policies.join(', '), counting: counting(approvers) } : {}),
    ...(typeof minimumApprovals === 'number' ? { approvals: byOthers(minimumApprovals) } : {}),
  };
}

const byOthers = (count: number): string =>
  `${countOf(count, 'approval')} by ${count === 1 ? 'somebody else' : 'other people'}`;

/** `one approval`, `2 approvals`. */
export function countOf(count: number, noun: string): string {
  return count === 1 ? `one ${noun}` : `${String(count)} ${noun}s`;
}

type Details = Readonly<Record<string, unknown>>;

/** `undefined` where a detail is missing: another version of the server may tell others. */
function fill(words: string, details: Readonly<Record<string, unknown>>): string | undefined {
  const names = Array.from(words.matchAll(/\{(\w+)\}/g), ([, name]) => name ?? '');
  if (!names.every((name) => ['string', 'number'].includes(typeof details[name]))) return undefined;
  return words.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(details[name]));
}

/** Who counts, where a policy names them. */
function counting(approvers: unknown): string {
  const named = (Array.isArray(approvers) ? (approvers as readonly Approvers[]) : []).flatMap((one) => {
    const who = [
      ...(one.roles ?? []).map((role) => `role ${role}`),
      ...(one.users ?? []).map((user) => `user ${user}`),
    ];
    return who.length === 0 ? [] : [`${one.policy} counts ${who.join(', ')}`];
  });
  return named.length === 0 ? '' : `; ${named.join('; ')}`;
}

interface Approvers {
  readonly policy: string;
  readonly roles?: readonly string[];
  readonly users?: readonly string[];
}

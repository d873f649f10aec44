/** Owns how change requests are shown to people: what is asked for, where it stands, and what to do next. */
import type { ChangeRequest } from '@strata/client';
import { isJsonObject } from '@strata/core';
import { showDiff } from './change-view.ts';
import { showImpact } from './impact-view.ts';
import { countOf } from './message.ts';
import { localTime, scopeName, table } from './output.ts';
import { printable, type Colours } from './terminal.ts';

/** Requests as a table, each followed by what it would change. */
export function showRequests(requests: readonly ChangeRequest[], colours: Colours, none: string): string {
  if (requests.length === 0) return none;
  const rows = requests.map((request) => [
    request.id,
    printable(request.key),
    scopeName(request),
    printable(request.requestedBy),
    request.impactLevel,
    request.status,
    approvalsOf(request),
    request.status === 'pending' ? localTime(request.expiresAt) : null,
  ]);
  const list = table(
    colours,
    ['request', 'key', 'scope', 'author', 'impact', 'status', 'approvals', 'open until'],
    rows,
  );
  const changes = requests.map((request) =>
    [`${request.id}${editionOf(request)}: ${whyOf(request)}`, showChanges(request, colours)].join('\n'),
  );
  const next = 'One whole, with what to do next: strata request show <request>';
  return [list, ...changes, next].join('\n\n');
}

const editionOf = ({ edition }: ChangeRequest): string => (edition > 1 ? `, edition ${String(edition)}` : '');

const approvalsOf = ({ approvals, minimumApprovals }: ChangeRequest): string =>
  `${String(approvals.length)} of ${String(minimumApprovals)}`;

const whyOf = ({ justification }: ChangeRequest): string =>
  justification === null ? 'no justification' : printable(justification);

function showChanges(request: ChangeRequest, colours: Colours): string {
  if (request.operation !== 'change') {
    return `${request.operation}: ${printable(JSON.stringify(argumentsOf(request)))}`;
  }
  return request.changes
    .map((change) => {
      const what = change.operation === 'delete' ? 'removal of ' : '';
      return `${what}${change.key} at ${scopeName(change)}\n${showDiff(change.diff, colours)}`;
    })
    .join('\n');
}

/** What another operation than a change of values is called with, without who asked for it, which is told already. */
function argumentsOf({ proposedValue }: ChangeRequest): unknown {
  if (!isJsonObject(proposedValue)) return proposedValue;
  const { asker: _author, ...others } = proposedValue;
  return others;
}

/** One request, whole, with what can be done next. */
export function showRequest(request: ChangeRequest, colours: Colours): string {
  const { id, key, status, editors, requestedBy, requestedAt, impactLevel, applyAt, reason, commit, closedBy } =
    request;
  const facts: (string | undefined)[] = [
    `${colours.bold(id)}  ${printable(key)} at ${scopeName(request)}: ${status}${editionOf(request)}`,
    `author     ${printable(requestedBy)}, ${localTime(requestedAt)}: ${whyOf(request)}`,
    `impact     ${impactLevel}`,
    editors.length === 0 ? undefined : `edited by  ${printable(editors.join(', '))}`,
    `approvals  ${approvalsOf(request)}, by ${whoMay(request)}`,
    ...request.approvals.map(
      ({ approverId, at, comment }) =>
        `           ${printable(approverId)}, ${localTime(at)}${comment === null ? '' : `: ${printable(comment)}`}`,
    ),
    status === 'pending' ? `expires    ${localTime(request.expiresAt)}` : undefined,
    applyAt === undefined ? undefined : `apply at   ${localTime(applyAt)}`,
    closedBy === undefined ? undefined : `closed by  ${printable(closedBy)}${at(request.closedAt)}`,
    reason === undefined ? undefined : `why        ${printable(reason)}`,
    commit === undefined ? undefined : `commit     ${commit}`,
    ...request.comments.map(
      ({ author, at, comment }) => `comment    ${printable(author)}, ${localTime(at)}: ${printable(comment)}`,
    ),
    '',
    showChanges(request, colours),
    ...(request.impact === undefined ? [] : ['', showImpact(request.impact, colours)]),
  ];
  const next = nextStep(request);
  return [...facts.filter((fact) => fact !== undefined), ...(next === undefined ? [] : ['', next])].join('\n');
}

const at = (time: string | undefined): string => (time === undefined ? '' : `, ${localTime(time)}`);

/** Whose approvals count. */
function whoMay({ policies, requestedBy, editors }: ChangeRequest): string {
  const named = policies.flatMap(({ approvers }) => [
    ...(approvers?.roles ?? []).map((role) => `the role ${role}`),
    ...(approvers?.users ?? []),
  ]);
  const authors = printable([...new Set([requestedBy, ...editors])].join(' or '));
  return named.length === 0
    ? `whoever may approve there, but not ${authors}`
    : `${printable(named.join(' or '))}, but not ${authors}`;
}

/** What can be done with a request as it stands. */
export function nextStep(request: ChangeRequest): string | undefined {
  const { id, edition, status, approvals, minimumApprovals, requestedBy, operation, applyAt } = request;
  const named = edition > 1 ? ` --edition ${String(edition)}` : '';
  switch (status) {
    case 'pending': {
      // Some of those that are there may not count: of who lost his role, or for one of several policies.
      const missing = countOf(Math.max(1, minimumApprovals - approvals.length), 'more approval');
      return `It waits for ${missing}: strata approve ${id}${named} --actor <approver>`;
    }
    case 'scheduled':
      return `It has its approvals and is applied${applyAt === undefined ? ' at its time' : ` at ${localTime(applyAt)}`}.`;
    case 'conflicted':
    case 'suspended':
      return operation === 'change'
        ? `Propose it anew on the values as they are now: strata request edit ${id}. Or take it back: strata request withdraw ${id}`
        : `Take it back with strata request withdraw ${id}, as ${printable(requestedBy)}, and ask for it again.`;
    case 'applied':
      return operation === 'change' ? `It is applied. See: strata log ${request.key}` : 'It is applied.';
    default:
      return undefined;
  }
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSpec } from '../../../test/spec-cases.ts';
import {
  approvalProblem,
  expiryOf,
  isOpenRequest,
  missingApprovals,
  nextStatus,
  possibleEvents,
  requestEvents,
  requestStatuses,
  strictest,
  type Approver,
  type RequestEvent,
  type RequestStatus,
} from './approval.ts';
import { defaultExpiry, type ApprovalPolicy } from './policy.ts';

const table = readSpec<{
  readonly transitions: readonly {
    readonly status: RequestStatus;
    readonly event: RequestEvent;
    readonly next: RequestStatus | null;
  }[];
  readonly approvals: readonly {
    readonly name: string;
    readonly policies: readonly ApprovalPolicy[];
    readonly minimumApprovals: number;
    readonly approvers: readonly Approver[];
    readonly missing: number;
  }[];
}>('approval');

describe('the states of a request', () => {
  it('has a case for every event in every state', () => {
    expect(new Set(table.transitions.map(({ status, event }) => `${status} ${event}`)).size).toBe(
      requestStatuses.length * requestEvents.length,
    );
  });

  it.each(table.transitions)('$status, $event: $next', ({ status, event, next }) => {
    expect(nextStatus(status, event) ?? null).toBe(next);
    expect(possibleEvents(status).includes(event)).toBe(next !== null);
  });

  it('ends where nothing can happen any more, and is applied by approvals alone', () => {
    const ends = requestStatuses.filter((status) => !isOpenRequest(status));
    expect(ends).toEqual(['applied', 'rejected', 'withdrawn', 'expired']);
    const applicable = requestStatuses.filter((status) => nextStatus(status, 'apply') !== undefined);
    expect(applicable).toEqual(['approved', 'scheduled']);
  });
});

describe('approvals', () => {
  it.each(table.approvals)('$name: $missing missing', ({ policies, minimumApprovals, approvers, missing }) => {
    expect(missingApprovals({ minimumApprovals, policies }, approvers)).toBe(missing);
  });

  const approver = fc.record({ id: fc.string(), roles: fc.array(fc.constantFrom('a', 'b', 'c')) });
  const policy = fc.record({
    name: fc.string(),
    keys: fc.constant(['*']),
    minimumApprovals: fc.nat(4),
    approvers: fc.record({ roles: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }) }),
  });

  it('are never made fewer by one more, nor by one more policy', () => {
    fc.assert(
      fc.property(
        fc.array(policy, { minLength: 1 }),
        policy,
        fc.array(approver),
        approver,
        (policies, more, all, one) => {
          const minimumApprovals = Math.max(...policies.map((each) => each.minimumApprovals));
          const missing = missingApprovals({ minimumApprovals, policies }, all);
          expect(missingApprovals({ minimumApprovals, policies }, [...all, one])).toBeLessThanOrEqual(missing);
          const stricter = { minimumApprovals, policies: [...policies, more] };
          expect(missingApprovals(stricter, all)).toBeGreaterThanOrEqual(missing);
        },
      ),
    );
  });

  const request = {
    requestedBy: 'ann',
    editors: ['eve'],
    policies: [{ name: 'p', keys: ['*'], minimumApprovals: 1, approvers: { users: ['bob', 'ann', 'eve'] } }],
    approvedBy: [] as string[],
  };

  it.each([
    ['ann', 'self'],
    ['eve', 'self'],
    ['dan', 'ineligible'],
    ['bob', undefined],
  ])('of %s: %s', (id, problem) => {
    expect(approvalProblem(request, { id, roles: [] })).toBe(problem);
    const again = approvalProblem({ ...request, approvedBy: [id] }, { id, roles: [] });
    expect(again).toBe(problem ?? 'again');
  });
});

describe('what several changes need together', () => {
  const one = { name: 'one', keys: ['a'], minimumApprovals: 1, expiresIn: 3600 };
  const two = { name: 'two', keys: ['b'], minimumApprovals: 2 };

  it('is the most that any of them needs, by all of their policies', () => {
    expect(strictest([undefined, undefined])).toBeUndefined();
    expect(
      strictest([
        { impactLevel: 'high', minimumApprovals: 2, policies: [two] },
        undefined,
        { impactLevel: 'low', minimumApprovals: 1, policies: [one] },
        { impactLevel: 'low', minimumApprovals: 1, policies: [one] },
      ]),
    ).toEqual({ impactLevel: 'high', minimumApprovals: 2, policies: [one, two] });
  });

  it('waits as long as the most impatient policy says', () => {
    expect([expiryOf([]), expiryOf([two]), expiryOf([two, one])]).toEqual([defaultExpiry, defaultExpiry, 3600]);
  });
});

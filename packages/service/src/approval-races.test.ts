/** Owns the proof that of two things done to one request at once one happens, and the other is told so. */
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

type Service = ConfigurationManagementService;

const global = { scope: 'global' } as const;
const rounds = 200;

/** What happens at the same time as the last approval, and what may come of it. */
const rivals: Readonly<Record<string, (service: Service, id: string, round: number) => Promise<unknown>>> = {
  approve: (service, id) => service.approveChange(id, 'dan'),
  edit: (service, id, round) => service.editChange(id, { proposedValue: { a: -round } }, 'ann'),
  reject: (service, id) => service.rejectChange(id, 'dan', 'no'),
  withdraw: (service, id) => service.withdrawChange(id, 'ann'),
};

describeDatabases('a race for a change request', (engine) => {
  const services = servicesOn(engine);

  async function open() {
    const opened = await services.open();
    const { service, database } = opened;
    await service.setPolicy({ name: 'k', keys: ['k'], minimumApprovals: 2 }, 'ann');
    await service.set('k', { a: 0 }, global, 'ann');
    return { ...opened, others: [service, services.on(database)] as const };
  }

  const ask = async (service: Service, round: number): Promise<string> => {
    const request = await service.requestChange({
      ...{
        key: 'k',
        proposedValue: { a: round },
        ...global,
        requestedBy: 'ann',
        justification: `round ${String(round)}`,
      },
    });
    await service.approveChange(request.id, 'bob');
    return request.id;
  };

  const codeOf = (error: unknown): string => (error as { readonly code: string }).code;

  it.each(Object.keys(rivals))('is won by the last approval or by the other (%s), never by both', async (name) => {
    const { service, others } = await open();
    const [one, two] = others;
    const wins = { approval: 0, rival: 0 };
    for (let round = 1; round <= rounds; round += 1) {
      const id = await ask(service, round);
      const before = (await service.getHistory('k', 500)).length;
      const approve = () => one.approveChange(id, 'cleo');
      const rivalry = async () => rivals[name]?.(two, id, round);
      // Each of them is first by turns.
      const early = round % 2 === 0 ? approve() : rivalry();
      const late = round % 2 === 0 ? rivalry() : approve();
      const [approval, rival] = await Promise.allSettled(round % 2 === 0 ? [early, late] : [late, early]);
      const request = await service.getChangeRequest(id);
      const after = (await service.getHistory('k', 500)).length;
      expect(after - before).toBe(request.status === 'applied' ? 1 : 0);
      const codes = [approval, rival].flatMap((one) => (one.status === 'rejected' ? [codeOf(one.reason)] : []));
      if (request.status === 'applied') {
        expect(codes).toHaveLength(1);
        expect(codes[0]).toMatch(/^request_(applied|closed)$/);
        wins.approval += 1;
      } else {
        expect(rival.status).toBe('fulfilled');
        expect(codes[0]).toMatch(/^request_(edited|closed)$/);
        wins.rival += 1;
        if (request.status === 'pending') await service.withdrawChange(id, 'ann');
      }
    }
    expect(wins.approval + wins.rival).toBe(rounds);
  });

  it('is not won by an approval after the request expired', async () => {
    const { service, database } = await open();
    for (let round = 1; round <= rounds; round += 1) {
      const id = await ask(service, round);
      const [approval] = await Promise.allSettled([
        service.approveChange(id, 'cleo'),
        database.query('UPDATE configuration_change_requests SET expires_at = clock_timestamp() WHERE id = $1', [id]),
      ]);
      const request = await service.getChangeRequest(id);
      if (approval.status === 'fulfilled') {
        expect(request.status).toBe('applied');
      } else {
        expect(codeOf(approval.reason)).toBe('request_expired');
        expect(request.status).toBe('expired');
        expect(await service.get('k')).not.toEqual({ a: round });
      }
    }
  });

  it('never applies a change past a policy that asks for more by then', async () => {
    const { service, others } = await open();
    const [one, two] = others;
    for (let round = 1; round <= rounds; round += 1) {
      const id = await ask(service, round);
      const policy = await service
        .setPolicy({ name: 'k', keys: ['k'], minimumApprovals: 2, expiresIn: 3600 + round }, 'ann')
        .then(
          () => '',
          (error: unknown) => (error as { readonly requestId: string }).requestId,
        );
      await service.approveChange(policy, 'bob');
      const [change, rule] = await Promise.allSettled([
        one.approveChange(id, 'cleo'),
        two.approveChange(policy, 'cleo'),
      ]);
      expect(rule.status).toBe('fulfilled');
      const changed = (await service.getHistory('k', 1))[0];
      const ruled = (await service.listPolicies()).find((stored) => stored.name === 'k');
      if (change.status === 'fulfilled') {
        expect(changed?.changeRequestId).toBe(id);
        expect(changed?.revision).toBeLessThan(ruled?.revision ?? 0);
      } else {
        expect(codeOf(change.reason)).toBe('request_conflicted');
        expect(changed?.changeRequestId).not.toBe(id);
        await service.withdrawChange(id, 'ann');
      }
    }
  });
});

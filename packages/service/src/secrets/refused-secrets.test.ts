/** Owns the proof of what is told of secrets that are refused or compared. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../../test/databases.ts';
import { expectRefusal } from '../../../../test/expectations.ts';
import { servicesOn } from '../../../../test/services.ts';
import { newKey } from './key-ring.ts';

const global = { scope: 'global' } as const;
const mask = { $masked: true };

describeDatabases('secrets that are refused', (engine) => {
  const services = servicesOn(engine);

  it('tell no names that only they have, and in a document not what they are', async () => {
    const { service } = await services.open({ encryptionKey: newKey() });
    await service.registerSchema('db', z.object({ host: z.string(), password: z.string().meta({ sensitive: true }) }));
    const parts = [{ hunter2: { a: Number.NaN } }, { hunter2: { $masked: true } }];
    for (const part of parts) {
      const calls = [
        () => service.set('tokens', part, global, 'ann'),
        () => service.commit([{ key: 'tokens', ...global, value: part }], 'ann'),
        () => service.set('db', { host: 'h', password: part } as never, global, 'ann'),
      ];
      for (const call of calls) expect((await expectRefusal(call(), 'invalid_value')).message).not.toContain('hunter2');
      const plain = await expectRefusal(service.set('plain', part, global, 'ann'), 'invalid_value');
      expect(plain.message).toContain('Invalid value at hunter2');
    }
    for (const call of [
      () => service.validateConfig('tokens', parts[0]),
      () => service.analyzeImpact('tokens', parts[0]),
    ])
      expect((await expectRefusal(call(), 'invalid_value')).message).toContain('Invalid value at $');
    const { errors } = await service.importConfig(JSON.stringify({ tokens: parts[1] }), 'json', 'ann', global);
    expect(errors).toMatchObject([{ key: 'tokens', error: expect.stringContaining('Invalid value at $') as string }]);
    const document = JSON.stringify({ db: { host: 'h', password: 'p4ss-1' }, tokens: { a: 'p4ss-2' } });
    const { differences } = await service.compareConfig({ document }, global);
    expect(differences.map(({ key, diff }) => [key, diff])).toEqual([
      ['db', [{ path: '$', operation: 'delete', oldValue: { host: 'h', password: mask } }]],
      ['tokens', [{ path: '$', operation: 'delete', oldValue: mask }]],
    ]);
  });
});

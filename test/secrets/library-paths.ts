/** Owns the ways on which secrets are written and read through the library, for the search that looks for them afterwards. */
import { expect } from 'vitest';
import { z } from 'zod';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import type { Heard } from './heard.ts';
import type { Markers } from './markers.ts';

/** What a way needs. */
export interface Subject {
  readonly service: ConfigurationManagementService;
  /** What is to be found nowhere. */
  readonly secret: Markers;
  /** What is no secret and goes the same ways, so that the search has something to find. */
  readonly open: Markers;
  readonly heard: Heard;
}

const global = { scope: 'global' } as const;
const org = (name: string) => ({ scope: 'org', scopeId: name }) as const;
const sensitiveKeys = ['api_keys', 'secrets', 'credentials', 'tokens', 'passwords'] as const;

/** How many secrets are written in one commit. */
const bulk = 100;

/** Writes and reads on every way of the library. */
export async function throughLibrary(subject: Subject): Promise<void> {
  await defined(subject);
  await written(subject);
  await refused(subject);
  await transferred(subject);
  await proposed(subject);
  await putBack(subject);
}

async function defined({ service, heard }: Subject): Promise<void> {
  const db = z.object({
    host: z.string().max(300),
    password: z.string().min(8).max(300).meta({ sensitive: true }),
    options: z.object({ token: z.string().meta({ sensitive: true }) }).optional(),
  });
  await heard.answer(service.registerSchema('db', db));
  const pins = z.strictObject({ pin: z.string().max(300), mode: z.enum(['a', 'b']).optional() });
  await heard.answer(service.registerSchema('pins', pins, { sensitive: true }));
  const inCode = z.string().refine((text) => text !== 'never', { error: ({ input }) => `not ${String(input)}` });
  await heard.answer(service.registerSchema('phrase', inCode.min(3).max(300), { sensitive: true }));
}

async function written({ service, secret, open, heard }: Subject): Promise<void> {
  for (const key of sensitiveKeys) {
    for (const scope of [global, org('acme'), { scope: 'user', scopeId: 'u1' } as const]) {
      const value = { stripe: secret.next(), nested: [{ [secret.name()]: secret.next() }] };
      await heard.answer(service.set(key, value, scope, 'ann', open.next()));
      expect((await service.get<typeof value>(key, scope)).stripe).toBe(value.stripe);
    }
  }
  await heard.answer(service.set('db', { host: open.next(), password: secret.next() }, global, 'ann'));
  await heard.answer(service.set('db', { host: open.next(), password: secret.next(), options: { token: secret.next() } }, global, 'bob')); // prettier-ignore
  await heard.answer(service.set('db', { password: secret.next() }, org('acme'), 'bob'));
  await heard.answer(service.set('plain', { text: open.next() }, global, 'ann', open.next()));
  await heard.answer(service.set('phrase', secret.next(), global, 'ann'));
  const changes = Array.from({ length: bulk }, (_, index) => ({ key: 'tokens', ...org(`bulk-${String(index)}`), value: { a: secret.next(), b: secret.next() } })); // prettier-ignore
  await heard.answer(service.commit([...changes, { key: 'plain', ...org('acme'), value: open.next() }], 'ann', open.next())); // prettier-ignore
  const value = { a: secret.next() };
  for (let repeat = 0; repeat < 2; repeat += 1)
    await heard.answer(service.set('tokens', value, org('again'), 'ann', 'x', { idempotencyKey: 'once' }));
  await heard.refusal('idempotency_conflict', service.set('tokens', { a: secret.next() }, org('again'), 'ann', 'x', { idempotencyKey: 'once' })); // prettier-ignore
  await heard.answer(service.set('tokens', { a: secret.next() }, org('acme'), 'ann', 'x', { dryRun: true }));
  await heard.answer(service.analyzeImpact('db', { host: open.next(), password: secret.next() }, org('acme')));
}

async function refused({ service, secret, open, heard }: Subject): Promise<void> {
  const set = (key: string, value: unknown, options = {}) => service.set(key, value, global, 'ann', 'x', options);
  const wrong: readonly (readonly [string, unknown])[] = [
    ['db', { host: 5, password: secret.next() }],
    ['db', { host: 'h', password: secret.next().repeat(20) }],
    ['db', { host: 'h', password: { [secret.name()]: secret.next() } }],
    ['db', { host: 'h', password: [secret.next()] }],
    ['pins', { [secret.name()]: secret.next() }],
    ['pins', { pin: secret.next(), mode: secret.next() }],
    ['pins', { pin: { [secret.name()]: 1 } }],
    ['pins', secret.next()],
    ['pins', [secret.next()]],
    ['phrase', secret.next().repeat(20)],
    ['phrase', { [secret.name()]: secret.next() }],
  ];
  for (const [key, value] of wrong) {
    await heard.refusal('validation_failed', set(key, value));
    await heard.refusal('validation_failed', service.commit([{ key, ...global, value }], 'ann'));
    await heard.answer(service.validateConfig(key, value));
    await heard.answer(service.analyzeImpact(key, value));
  }
  const malformed = [
    { $sealed: secret.next() },
    { a: { $masked: true, b: secret.next() }, c: { $masked: true } },
    { [`__proto__${secret.name()}`]: 1, nested: JSON.parse(`{"__proto__": ${JSON.stringify(secret.next())}}`) as unknown },
    { a: `${secret.next()}\ud800` },
    { [`${secret.name()}\ud800`]: 1 },
    { [secret.name()]: undefined, [secret.name()]: () => secret.next() },
    { [secret.name()]: new Map([[secret.name(), secret.next()]]) },
    { [secret.name()]: Number.NaN },
    Array.from({ length: 70 }).reduce<unknown>((inner) => ({ [secret.name()]: inner }), secret.next()),
  ]; // prettier-ignore
  for (const value of malformed) await heard.refusal('invalid_value', set('tokens', value));
  await heard.refusal('conflict', set('tokens', { a: secret.next() }, { ifVersion: null }));
  await heard.refusal('conflict', set('db', { host: open.next(), password: secret.next() }, { ifVersion: '0123456789ab' })); // prettier-ignore
  await heard.answer(service.lockConfig('phrase', global, undefined, 'ann', open.next()));
  await heard.refusal('locked', service.set('phrase', secret.next(), org('acme'), 'bob'));
  await heard.answer(service.unlockConfig('phrase', global, undefined, 'ann'));
  await heard.refusal('version_not_found', service.rollback(open.name(), 'HEAD', 'ann', 'x'));
}

async function transferred({ service, secret, open, heard }: Subject): Promise<void> {
  const document = (): object => ({ tokens: { a: secret.next() }, db: { host: open.next(), password: secret.next() }, plain: open.next() }); // prettier-ignore
  const json = (): string => JSON.stringify(document());
  const yaml = (): string => `tokens:\n  a: ${JSON.stringify(secret.next())}\nplain: ${JSON.stringify(open.next())}\n`;
  const quoted = (text: string): string => `"${text.replaceAll(/[\\"$`]/g, '\\$&')}"`;
  const env = (): string => `tokens=${quoted(secret.next())}\nplain=${quoted(open.next())}\n`;
  for (const [format, make] of [['json', json], ['yaml', yaml], ['env', env]] as const) {
    await heard.answer(service.importConfig(make(), format, 'ann', org(`dry-${format}`), { dryRun: true }));
    const result = await heard.answer(service.importConfig(make(), format, 'ann', org(format)));
    expect(result).toMatchObject({ failed: 0 });
    expect(result.imported).toBeGreaterThan(1);
    await heard.answer(service.importConfig(make(), format, 'ann', org(format), { atomic: true }));
    // It ends, or goes wrong, right beside a secret.
    for (const text of [make().slice(0, 45), `${make()}\n}} "${secret.next()}`, `a: "${secret.next()}\n`, secret.name(), `x: &a [*${secret.name()}]`, `a='${secret.name()}`, `{"tokens": {"${secret.name()}": ${secret.name()}}}`, `{"tokens": "${secret.name()}\u0001"}`]) {
      const outcome = service.importConfig(text, format, 'ann', org('broken'));
      const [{ status }] = await Promise.allSettled([outcome]);
      await (status === 'fulfilled' ? heard.answer(outcome) : heard.refusal('malformed_document', outcome));
    }
    await heard.answer(service.importConfig(JSON.stringify({ pins: { [secret.name()]: secret.next() }, tokens: { $sealed: secret.next() } }), 'json', 'ann', org('invalid'))); // prettier-ignore
    await heard.text(service.exportStream(global, { format, subtree: format !== 'env' }));
    await heard.answer(service.exportConfig(org('acme'), format, { values: 'effective' }));
    await heard.answer(service.exportConfig(org('acme'), format, { secrets: 'masked' }));
    await heard.answer(service.exportConfig(org('acme'), format, { secrets: 'omitted' }));
    for (const options of [{}, { passphrase: secret.name() }]) {
      const sealed = await heard.answer(service.exportConfig(org(format), format, options));
      const read = await heard.answer(service.importConfig(sealed, format, 'ann', org(`sealed-${format}`), { ...options, mode: 'replace' }));
      expect([read.failed, await service.get('tokens', org(`sealed-${format}`))]).toEqual([0, await service.get('tokens', org(format))]);
    }
    const locked = await service.exportConfig(org(format), format, { passphrase: secret.name() });
    await heard.refusal('passphrase_wrong', service.importConfig(locked, format, 'ann', org('locked'), { passphrase: secret.name() }));
  } // prettier-ignore
  const many = { plain: open.next(), tokens: Object.fromEntries(Array.from({ length: bulk }, (_, n) => [`t${String(n)}`, secret.next()])) }; // prettier-ignore
  await heard.answer(service.importConfig(JSON.stringify(many), 'json', 'ann', org('many')));
  await heard.answer(service.compareConfig(org('acme'), org('json')));
  await heard.answer(service.compareConfig({ document: json(), ...org('json') }, org('acme')));
  await heard.answer(service.promoteConfig(org('json'), 'ann', org('promoted'), { dryRun: true }));
  await heard.answer(service.promoteConfig(org('json'), 'ann', org('promoted')));
  await heard.answer(service.promoteConfig({ document: json() }, 'ann', org('promoted')));
}

async function proposed({ service, secret, open, heard }: Subject): Promise<void> {
  const policy = { name: 'watched', keys: ['credentials', 'db'], minimumApprovals: 1, firstValues: 'approve' } as const;
  await heard.answer(service.setPolicy(policy, 'ann'));
  const db = () => ({ host: open.next(), password: secret.next() });
  await heard.refusal(
    'approval_required',
    service.set('credentials', { a: secret.next() }, global, 'ann', open.next()),
  );
  await heard.refusal('approval_required', service.set('db', db(), global, 'ann'));
  await heard.refusal('approval_required', service.commit([{ key: 'db', ...global, value: db() }], 'ann'));
  await heard.answer(service.set('db', db(), global, 'ann', 'x', { dryRun: true }));
  await heard.answer(service.importConfig(JSON.stringify({ db: db() }), 'json', 'ann', org('asked')));
  const ask = { scope: 'global', requestedBy: 'ann', justification: open.next() } as const;
  const first = await heard.answer(service.requestChange({ ...ask, key: 'db', proposedValue: db(), idempotencyKey: 'ask' })); // prettier-ignore
  const edited = await heard.answer(service.editChange(first.id, { proposedValue: db() }, 'ann'));
  await heard.answer(service.commentOnChange(first.id, 'bob', open.next()));
  await heard.answer(service.scheduleChange(first.id, new Date(Date.now() + 3_600_000), 'ann'));
  await heard.answer(service.scheduleChange(first.id, null, 'ann'));
  await heard.answer(service.getPendingChanges('bob'));
  await heard.answer(service.listChangeRequests());
  const { edition } = await heard.answer(service.getChangeRequest(edited.id));
  await heard.answer(service.approveChange(first.id, 'bob', open.next(), { edition }));
  const invalid = { ...ask, key: 'pins', proposedValue: { [secret.name()]: secret.next() } };
  await heard.refusal('validation_failed', service.requestChange(invalid));
  const second = await heard.answer(service.requestChange({ ...ask, key: 'credentials', proposedValue: { a: secret.next() } })); // prettier-ignore
  await heard.answer(service.rejectChange(second.id, 'bob', open.next()));
  const third = await heard.answer(service.requestChange({ ...ask, key: 'credentials', proposedValue: { b: secret.next() } })); // prettier-ignore
  await heard.answer(service.withdrawChange(third.id, 'ann'));
  await heard.answer(service.listChangeRequests());
  await heard.refusal('approval_required', service.removePolicy('watched', 'ann'));
}

async function putBack({ service, secret, open, heard }: Subject): Promise<void> {
  const scope = org('back');
  const first = await heard.answer(service.set('tokens', { a: secret.next(), gone: secret.next() }, scope, 'ann'));
  const second = await heard.answer(service.set('tokens', { a: secret.next() }, scope, 'ann', open.next()));
  const third = await heard.answer(service.set('tokens', { a: secret.next() }, scope, 'bob'));
  await heard.answer(service.createTag('good', first.version));
  await heard.answer(service.rollback('tokens', first.version, 'ann', 'x', { dryRun: true }));
  await heard.refusal('revert_conflicts', service.revert(second.commit, 'ann', 'x'));
  await heard.answer(service.revert(third.commit, 'ann', 'x', { dryRun: true }));
  await heard.answer(service.revert(third.commit, 'ann', 'x'));
  await heard.answer(service.rollback('tokens', first.version, 'ann', 'x'));
  await heard.answer(service.restore({ revision: second.revision }, scope, 'ann', open.next()));
  await heard.answer(service.restore({ tag: 'good' }, scope, 'ann'));
  await heard.answer(service.delete('tokens', scope, 'ann', open.next(), { dryRun: true }));
  await heard.answer(service.delete('tokens', scope, 'ann'));
  for (const key of ['tokens', 'db', 'plain', 'credentials']) {
    const [newest, ...older] = await heard.answer(service.getHistory(key, 50));
    if (newest === undefined || older[0] === undefined) throw new Error(`${key} has no history`);
    await heard.answer(service.getDiff(key, older[0].version, newest.version));
    await heard.answer(service.getVersion(key, newest.version));
    await heard.answer(service.getLayer(key, global));
    await heard.answer(service.blame(key, global));
    await heard.answer(service.explain(key, org('acme')));
    await heard.answer(service.explain(key, org('acme'), { at: first.changedAt }));
    await heard.answer(service.read(key, org('acme'), { secrets: 'mask' }));
    await heard.answer(Promise.resolve(service.peek<unknown>(key, org('acme'))));
  }
  await heard.answer(service.getAll(org('acme'), { secrets: 'mask' }));
  await heard.answer(service.readBatch(sensitiveKeys, org('acme'), { secrets: 'mask' }));
  await service.reveal('tokens', org('acme'), open.next());
  await heard.answer(service.rotateKeys('ann'));
  await heard.answer(service.getKeyStatus());
  await heard.answer(service.getAuditLog({ limit: 500 }));
  await heard.text(service.exportAudit());
  await heard.answer(service.verifyAudit());
}

import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { describeDatabases, type TestDatabase } from '../../../../test/databases.ts';
import { movedAddresses, runWriteStep, type NewCommit, type NewVersion, type WriteStep } from './write.ts';

const hashOf = (digit: string): string => digit.repeat(64);

function newCommit(): NewCommit {
  const id = randomUUID();
  return {
    ...{ id, operation: 'change', actor: 'ada', comment: null, idempotencyKey: id, requestDigest: 'd', metadata: {} },
    ...{ ip: null, userAgent: null, requestId: null },
  };
}

function newVersion(key: string, digit: string, parent: string | null, commit = 0): NewVersion {
  return {
    ...{ commit, key, scope: 'global', scopeId: '', hash: hashOf(digit), parent, operation: 'set', value: '1' },
    ...{ rollbackFrom: null, impactLevel: 'low', expiresAt: null },
  };
}

function stepOf(commits: number, versions: readonly NewVersion[], seen: WriteStep['seen'] = []): WriteStep {
  return {
    environment: 'default',
    progress: { decisionRevision: 0, rulesRevision: 0 },
    reliesOnLinks: false,
    changes: 'nothing',
    commits: Array.from({ length: commits }, newCommit),
    versions,
    seen,
    quiet: new Map(),
  };
}

/** What a step fails with, and that it leaves nothing behind. */
async function failureOf(store: TestDatabase, step: WriteStep): Promise<unknown> {
  const count = async () =>
    store.database.query(
      'SELECT c.revision, count(v.hash) FROM configuration_counter AS c LEFT JOIN configuration_versions AS v ON true GROUP BY 1',
    );
  const before = await count();
  const failure = await runWriteStep(store.database, step, '').then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(await count()).toEqual(before);
  return failure;
}

// Foreign keys hold that they lead somewhere; the step, that they lead to the right place.
describeDatabases('the references of versions', (engine) => {
  it('lead from each version of an address to the one before it, in one step and over several', async () => {
    const store = await engine.open();
    await runWriteStep(
      store.database,
      stepOf(2, [newVersion('k', 'a', null), newVersion('k', 'b', hashOf('a'), 1)]),
      '',
    );
    await runWriteStep(store.database, stepOf(1, [newVersion('k', 'c', hashOf('b'))]), '');
    const versions = await store.database.query('SELECT hash, parent FROM configuration_versions ORDER BY revision');
    expect(versions).toEqual([
      { hash: hashOf('a'), parent: null },
      { hash: hashOf('b'), parent: hashOf('a') },
      { hash: hashOf('c'), parent: hashOf('b') },
    ]);
    const heads = await store.database.query('SELECT version, revision FROM configuration_settings');
    expect(heads).toEqual([{ version: hashOf('c'), revision: 3 }]);
  });

  it.each([
    ['that was never stored', hashOf('f')],
    ['of another address', hashOf('b')],
    ['that is not the last one', null],
  ])('never lead to a parent %s', async (_, parent) => {
    const store = await engine.open();
    await runWriteStep(store.database, stepOf(1, [newVersion('k', 'a', null), newVersion('other', 'b', null)]), '');
    const step = stepOf(1, [newVersion('new', 'd', null), newVersion('k', 'c', parent)]);
    const failure = await failureOf(store, step);
    expect(failure).toMatchObject({ code: '40001' });
    expect(movedAddresses(failure, step)).toMatchObject([{ key: 'k' }]);
  });

  it('never skip a version of the same step', async () => {
    const store = await engine.open();
    const step = stepOf(2, [newVersion('k', 'a', null), newVersion('k', 'b', null, 1)]);
    expect(await failureOf(store, step)).toMatchObject({ code: '40001' });
  });

  it('never lead to a commit that is not in the step', async () => {
    const store = await engine.open();
    const failure = await failureOf(store, stepOf(1, [newVersion('k', 'a', null, 1)]));
    expect(failure).toMatchObject({ code: '23502' });
  });

  it('tell which other head had moved', async () => {
    const store = await engine.open();
    await runWriteStep(store.database, stepOf(1, [newVersion('above', 'a', null)]), '');
    const seen = ['none', 'above'].map((key) => ({ key, scope: 'global' as const, scopeId: '', hash: null }));
    const step = stepOf(1, [newVersion('k', 'b', null)], seen);
    expect(movedAddresses(await failureOf(store, step), step)).toMatchObject([{ key: 'above' }]);
  });
});

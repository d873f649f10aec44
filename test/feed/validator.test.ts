/** Owns the proof that the judgement of the feed sees what it must see: made-up histories, and a feed that is broken on purpose. */
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../packages/service/src/db/database.ts';
import { describeDatabases } from '../databases.ts';
import { interceptDatabase, type Interception } from '../intercepted-database.ts';
import { servicesOn } from '../services.ts';
import { feedOf, LibraryReader, told } from './readers.ts';
import { judge, type Observation, type ToldCommit } from './validator.ts';

const commit = (revision: number, ...changes: string[]): ToldCommit => ({
  revision,
  commit: `c${String(revision)}`,
  changes: changes.length === 0 ? [`k=${String(revision)}`] : changes,
});
const stored = [commit(1), commit(2, 'a', 'b'), commit(4), commit(5)];
const connected = (after: number): Observation => ({ is: 'connected', after });
const say = (...revisions: number[]): Observation[] =>
  revisions.map((revision) => ({
    is: 'commit',
    ...(stored.find((one) => one.revision === revision) ?? commit(revision)),
  }));
const problems = (...observations: Observation[]) => judge(stored, [{ name: 'r', observations }]);

describe('the judgement of a feed', () => {
  it('finds nothing wrong with all commits in order, from the start or later, and again after coming back', () => {
    expect(problems(connected(0), ...say(1, 2, 4, 5))).toEqual([]);
    expect(problems(connected(2), ...say(4, 5))).toEqual([]);
    expect(
      problems(connected(0), ...say(1, 2), connected(2), connected(1), ...say(2, 4), connected(4), ...say(5)),
    ).toEqual([]);
  });

  it.each([
    ['a commit that is left out', [connected(0), ...say(1, 2, 5)], 'r: was never told of 4'],
    ['a commit that comes late', [connected(0), ...say(1, 4, 2, 5)], 'r: was told of 2 after 4'],
    ['a commit that comes late, after coming back', [connected(0), ...say(1, 4), connected(1), ...say(2, 5)], 'r: was told of 2 only after 4'],
    ['a commit told twice', [connected(0), ...say(1, 2, 2, 4, 5)], 'r: was told of 2 after 2'],
    ['half a commit', [connected(0), ...say(1), { is: 'commit', ...commit(2, 'a') } as const, ...say(4, 5)], 'r: was told of 2 with [a], which has [a, b]'],
    ['a commit in pieces', [connected(0), ...say(1), { is: 'commit', ...commit(2, 'a') } as const, { is: 'commit', ...commit(2, 'b') } as const, ...say(4, 5)], 'r: was told of 2 after 2'],
    ['a commit of nobody', [connected(0), ...say(1, 2, 3, 4, 5)], 'r: was told of 3, which the store does not hold'],
    ['a commit under another id', [connected(0), ...say(1, 2), { is: 'commit', ...commit(4), commit: 'x' } as const, ...say(5)], 'r: was told of 4 as x, which is c4'],
    ['a hole on coming back', [connected(0), ...say(1), connected(4), ...say(5)], 'r: went on after 4, having seen 1'],
    ['a reset', [connected(0), ...say(1, 2, 4), { is: 'reset', reason: 'compacted' } as const, ...say(5)], 'r: was told that it missed something: compacted'],
  ])('finds %s', (_, observations, problem) => {
    expect(problems(...observations)).toContain(problem);
  }); // prettier-ignore

  it('finds every single change of a right history that makes it wrong', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 30 }),
        fc.nat(),
        fc.constantFrom('drop', 'swap', 'twice'),
        (length, at, how) => {
          const all = Array.from({ length }, (_, n) => commit(n + 1));
          const right: Observation[] = all.map((one) => ({ is: 'commit', ...one }));
          const n = at % (length - 1);
          const wrong = [...right];
          if (how === 'drop') wrong.splice(n, 1);
          else if (how === 'twice') wrong.splice(n, 0, ...right.slice(n, n + 1));
          else wrong.splice(n, 2, ...right.slice(n, n + 2).reverse());
          const judged = (observations: Observation[]) =>
            judge(all, [{ name: 'r', observations: [connected(0), ...observations] }]);
          expect(judged(right)).toEqual([]);
          expect(judged(wrong)).not.toEqual([]);
        },
      ),
    );
  });
});

describeDatabases('a feed that is broken on purpose', (engine) => {
  const services = servicesOn(engine);

  /** Writes while a reader follows through `sabotage`, and judges what it was told. */
  const judged = async (
    sabotage: Interception,
    options: { pollInterval?: number; listen?: boolean } = {},
  ): Promise<string[]> => {
    const { service, database } = await services.open();
    const broken = services.on(interceptDatabase(database, sabotage), { pollInterval: 20, ...options });
    const reader = new LibraryReader('reader', broken, 0);
    await reader.connect();
    const caughtUp = async (revision: number): Promise<void> => {
      for (let tries = 0; tries < 50 && reader.revision < revision; tries += 1) await wait(10);
    };
    for (let n = 1; n <= 40; n += 1) {
      const { revision } = await service.set(`n${String(n % 3)}`, n, { scope: 'global' }, 'ada');
      // Now and then it has read all there is.
      if (n % 20 === 0) await caughtUp(revision);
    }
    await service.commit(
      [1, 2, 3].map((n) => ({ key: `n${String(n)}`, scope: 'global', value: 'end' })),
      'ada',
    );
    const truth = await feedOf(database, 'default');
    const last = truth.at(-1)?.revision ?? 0;
    await caughtUp(last);
    reader.stop();
    return judge(truth, [reader]);
  };
  const isFeed = (text: string): boolean => text.includes('tip_revision');

  it('is found right as it is', async () => {
    expect(await judged((_, run) => run())).toEqual([]);
  });

  it('is caught when it asks for >= where it must ask for >', async () => {
    const repeat = repeatLast();
    const problems = await judged(({ text }, run) => (isFeed(text) ? run().then(repeat) : run()));
    expect(problems).not.toEqual([]);
  });

  it('is caught when wake-ups and polls are lost', async () => {
    const problems = await judged((_, run) => run(), { pollInterval: 600_000, listen: false });
    expect(problems.join()).toContain('was never told of');
  });

  it('is caught when it skips a revision', async () => {
    const problems = await judged(({ text }, run) =>
      isFeed(text) ? run().then((rows) => rows.filter((row) => row['revision'] !== 20)) : run(),
    );
    expect(problems).not.toEqual([]);
  });

  it('is caught when it tells a part of a commit', async () => {
    const problems = await judged(({ text }, run) =>
      isFeed(text) ? run().then((rows) => rows.filter((row) => row['revision'] !== 41 || row['key'] !== 'n2')) : run(),
    );
    expect(problems.join()).toContain('was told of 41 with');
  });

  it('is caught when it answers in another order', async () => {
    const problems = await judged(({ text }, run) =>
      isFeed(text) ? run().then((rows) => [...rows].reverse()) : run(),
    );
    expect(problems).not.toEqual([]);
  });

  /** What `>=` would answer: the last commit of the page before, again. */
  function repeatLast(): (rows: Row[]) => Row[] {
    let last: Row | undefined;
    return (rows) => {
      const repeated =
        last === undefined ? rows : [{ ...rows[0], ...last, tip_revision: rows[0]?.['tip_revision'] }, ...rows];
      last = rows.findLast((row) => row['revision'] !== null) ?? last;
      return repeated;
    };
  }
});

describe('what a reader was told', () => {
  it('is written the same way whichever way it came', () => {
    const change = {
      key: 'k',
      scope: 'org',
      scopeId: 'a',
      operation: 'set',
      oldValue: null,
      newValue: { a: 1 },
      version: 'v',
    } as const;
    expect(told([change])).toEqual(['k org:a set null {"a":1} v']);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { circleOf, dependenciesOf, type Dependency } from './dependency.ts';

const edges = (text: string): Dependency[] =>
  text.split(' ').map((edge) => {
    const [key = '', dependsOn = ''] = edge.split('>');
    return { key, dependsOn };
  });

describe('dependencies', () => {
  const all = edges('a>b b>d a>c c>e e>f x>y');

  it('are followed over any number of steps, the nearest first', () => {
    expect(dependenciesOf(all, 'a', 'dependencies')).toEqual(['b', 'c', 'd', 'e', 'f']);
    expect(dependenciesOf(all, 'f', 'dependents')).toEqual(['e', 'c', 'a']);
    expect(dependenciesOf(all, 'none', 'dependents')).toEqual([]);
  });

  it('that go round end where they began', () => {
    expect(dependenciesOf(edges('a>b b>c c>a'), 'b', 'dependencies')).toEqual(['c', 'a']);
    expect(dependenciesOf(edges('a>b b>c c>a'), 'b', 'dependents')).toEqual(['a', 'c']);
  });

  it('that would close a circle are found, with the way round', () => {
    expect(circleOf(all, { key: 'f', dependsOn: 'a' })).toEqual(['f', 'a', 'c', 'e', 'f']);
    expect(circleOf(all, { key: 'a', dependsOn: 'a' })).toEqual(['a', 'a']);
    expect(circleOf(all, { key: 'a', dependsOn: 'y' })).toBeUndefined();
  });

  it('that are added only where they close no circle never go round, and every circle is named by its edges', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    fc.assert(
      fc.property(fc.array(fc.record({ key, dependsOn: key }), { maxLength: 20 }), (asked) => {
        const kept: Dependency[] = [];
        for (const one of asked) {
          const circle = circleOf(kept, one);
          if (circle === undefined) kept.push(one);
          else {
            expect([circle[0], circle.at(-1)]).toEqual([one.key, one.key]);
            for (const [index, from] of circle.slice(0, -1).entries()) {
              const to = circle[index + 1];
              expect([...kept, one].some((edge) => edge.key === from && edge.dependsOn === to)).toBe(true);
            }
          }
        }
        for (const { key } of kept) {
          const direct = kept.filter((edge) => edge.key === key).map(({ dependsOn }) => dependsOn);
          expect(dependenciesOf(kept, key, 'dependencies')).toEqual(expect.arrayContaining(direct));
          for (const one of direct) expect(dependenciesOf(kept, one, 'dependencies')).not.toContain(key);
        }
      }),
    );
  });
});

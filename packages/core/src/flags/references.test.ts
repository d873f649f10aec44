import { describe, expect, it } from 'vitest';
import type { FeatureFlag } from './flag.ts';
import { deepestPrerequisites, flagReferenceProblems, flagsThatNeed, flagsWithSegment } from './references.ts';

const flagOf = (name: string, needs: readonly string[] = [], rest: Partial<FeatureFlag> = {}): FeatureFlag => ({
  name,
  enabled: true,
  prerequisites: needs.map((flag) => ({ flag })),
  ...rest,
});

const problemsOf = (flag: FeatureFlag, others: readonly FeatureFlag[] = [], segments: readonly string[] = []) =>
  flagReferenceProblems(flag, {
    flag: (name) => others.find((other) => other.name === name),
    hasSegment: (name) => segments.includes(name),
  }).map(({ path, message }) => `${path} ${message}`);

describe('what a flag refers to', () => {
  it('may be whatever is there', () => {
    const needs = flagOf('a', ['b', 'c'], { rules: [{ id: 'r', segment: 'beta' }] });
    expect(problemsOf(needs, [flagOf('b', ['c']), flagOf('c')], ['beta'])).toEqual([]);
  });

  it.each<[string, FeatureFlag, FeatureFlag[], string[]]>([
    ['a flag that is missing', flagOf('a', ['b']), [], ['prerequisites[0].flag must be the name of a flag, and there is no b']],
    ['a name that every object has', flagOf('a', ['toString']), [], ['prerequisites[0].flag must be the name of a flag, and there is no toString']],
    ['a flag that is archived', flagOf('a', ['b']), [flagOf('b', [], { archived: true })], ['prerequisites[0].flag must not be archived, and b is, so that this flag would stay off']],
    ['a variant that the flag does not have', { ...flagOf('a'), prerequisites: [{ flag: 'b', variants: ['on', 'x'] }] }, [flagOf('b')], ['prerequisites[0].variants[1] must be a variant of b: on, off']],
    ['itself', flagOf('a', ['a']), [], ['prerequisites must not lead back to a flag: a -> a']],
    ['itself, by way of another', flagOf('a', ['b']), [flagOf('b', ['a'])], ['prerequisites must not lead back to a flag: a -> b -> a']],
    ['itself, though what is stored does not say so yet', flagOf('a', ['b']), [flagOf('a'), flagOf('b', ['c']), flagOf('c', ['a'])], ['prerequisites must not lead back to a flag: a -> b -> c -> a']],
    ['a cycle that it is not part of', flagOf('a', ['b']), [flagOf('b', ['c']), flagOf('c', ['b'])], ['prerequisites must not lead back to a flag: b -> c -> b']],
    ['a segment that is missing', flagOf('a', [], { rules: [{ id: 'r' }, { id: 's', segment: 'beta' }] }), [], ['rules[1].segment must be the name of a segment, and there is no beta']],
  ])('is refused: %s', (_, flag, others, problems) => expect(problemsOf(flag, others)).toEqual(problems)); // prettier-ignore

  it('may be 32 flags deep, and no deeper', () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, n) => flagOf(`f${String(n)}`, n + 1 < length ? [`f${String(n + 1)}`] : []));
    const [first, ...others] = chain(deepestPrerequisites + 1);
    expect(problemsOf(first ?? flagOf('x'), others)).toEqual([]);
    for (const length of [deepestPrerequisites + 2, 10_000]) {
      const [head, ...tail] = chain(length);
      const named = new Map(tail.map((flag) => [flag.name, flag]));
      const problems = flagReferenceProblems(head ?? flagOf('x'), { flag: (name) => named.get(name), hasSegment: () => true }); // prettier-ignore
      expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(/^must be at most 32 deep: f0 -> f1 -> /)]); // prettier-ignore
    }
  });

  it('is looked through once, however many ways there are', () => {
    const pairs = Array.from({ length: 30 }, (_, n) => [`a${String(n)}`, `b${String(n)}`]);
    const others = pairs.flatMap((pair, n) => pair.map((name) => flagOf(name, pairs[n + 1])));
    expect(problemsOf(flagOf('f', pairs[0]), others)).toEqual([]);
  });
});

describe('who refers to something', () => {
  const flags = [
    flagOf('a', ['x']),
    flagOf('b', ['x'], { archived: true }),
    flagOf('c', [], { rules: [{ id: 'r', segment: 's' }] }),
  ];

  it('is told by name, without flags that are archived', () => {
    expect(flagsThatNeed('x', flags)).toEqual(['a']);
    expect(flagsThatNeed('a', flags)).toEqual([]);
    expect(flagsWithSegment('s', flags)).toEqual(['c']);
  });
});

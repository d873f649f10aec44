/** Owns what flags refer to: that prerequisites and segments are there, and that no flag waits for itself. */
import { formatPath, type Path } from '../path.ts';
import type { FeatureFlag, FlagProblem } from './flag.ts';

/** What a flag can refer to. */
export interface FlagReferences {
  readonly flag: (name: string) => FeatureFlag | undefined;
  readonly hasSegment: (name: string) => boolean;
}

/** Prerequisites may have prerequisites, at most so many deep. */
export const deepestPrerequisites = 32;

/**
 * Everything that is wrong with what a valid flag refers to: prerequisites that are missing, archived or form a cycle, variants that they
 * do not have, segments that are missing.
 * @param references what will be there once the flag is stored; its own entry is not looked at.
 */
export function flagReferenceProblems(flag: FeatureFlag, references: FlagReferences): readonly FlagProblem[] {
  const problems: FlagProblem[] = [];
  const report = (path: Path, message: string): void => void problems.push({ path: formatPath(path), message });
  for (const [index, { flag: name, variants = [] }] of (flag.prerequisites ?? []).entries()) {
    const path: Path = ['prerequisites', index];
    const other = name === flag.name ? flag : references.flag(name);
    if (other === undefined) report([...path, 'flag'], `must be the name of a flag, and there is no ${name}`);
    else if (other.archived === true)
      report([...path, 'flag'], `must not be archived, and ${name} is, so that this flag would stay off`);
    else {
      for (const [at, variant] of variants.entries())
        if (!variantsOf(other).includes(variant))
          report([...path, 'variants', at], `must be a variant of ${name}: ${variantsOf(other).join(', ')}`);
    }
  }
  const chain = longestChain(flag, references);
  if (chain.isCycle) report(['prerequisites'], `must not lead back to a flag: ${chain.names.join(' -> ')}`);
  else if (chain.names.length > deepestPrerequisites + 1)
    report(['prerequisites'], `must be at most ${String(deepestPrerequisites)} deep: ${chain.names.join(' -> ')}`);
  for (const [index, { segment }] of (flag.rules ?? []).entries())
    if (segment !== undefined && !references.hasSegment(segment))
      report(['rules', index, 'segment'], `must be the name of a segment, and there is no ${segment}`);
  return problems;
}

/** The names of the variants of a flag. */
export function variantsOf({ variants }: FeatureFlag): readonly string[] {
  return variants === undefined ? ['on', 'off'] : Object.keys(variants);
}

/** The flags of which `name` is a prerequisite. */
export function flagsThatNeed(name: string, flags: Iterable<FeatureFlag>): readonly string[] {
  return namesOf(flags, ({ prerequisites = [] }) => prerequisites.some(({ flag }) => flag === name));
}

/** The flags of which a rule names the segment. */
export function flagsWithSegment(segment: string, flags: Iterable<FeatureFlag>): readonly string[] {
  return namesOf(flags, ({ rules = [] }) => rules.some((rule) => rule.segment === segment));
}

function namesOf(flags: Iterable<FeatureFlag>, isWanted: (flag: FeatureFlag) => boolean): readonly string[] {
  return [...flags].filter((flag) => flag.archived !== true && isWanted(flag)).map(({ name }) => name);
}

interface Chain {
  readonly names: readonly string[];
  readonly isCycle: boolean;
}

/** The first cycle that prerequisites lead into, else the longest way along them. Each flag is looked at once. */
function longestChain(flag: FeatureFlag, references: FlagReferences): Chain {
  const known = new Map<string, Chain>();
  const underWay: string[] = [];
  const visit = (one: FeatureFlag): Chain => {
    const again = underWay.indexOf(one.name);
    if (again >= 0) return { names: [...underWay.slice(again), one.name], isCycle: true };
    const found = known.get(one.name);
    if (found !== undefined) return found;
    // Deeper than this nothing has to be known: it is refused anyway.
    if (underWay.length > deepestPrerequisites) return { names: [one.name], isCycle: false };
    underWay.push(one.name);
    let longest: Chain = { names: [one.name], isCycle: false };
    for (const { flag: name } of one.prerequisites ?? []) {
      const other = name === flag.name ? flag : references.flag(name);
      if (other === undefined) continue;
      const chain = visit(other);
      if (chain.isCycle) return chain;
      if (chain.names.length >= longest.names.length) longest = { names: [one.name, ...chain.names], isCycle: false };
    }
    underWay.pop();
    known.set(one.name, longest);
    return longest;
  };
  return visit(flag);
}

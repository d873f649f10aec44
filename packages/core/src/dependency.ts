/** Owns dependencies between keys: what follows from them, also over several steps, and when one would close a circle. */

/** One key depends on another: whoever reads `key` also relies on what `dependsOn` says. */
export interface Dependency {
  readonly key: string;
  readonly dependsOn: string;
}

/** `dependencies`: what a key depends on. `dependents`: what depends on it. */
export type DependencyDirection = 'dependencies' | 'dependents';

/**
 * The keys that one is tied to in a direction, over as many steps as there are: the nearest first, those of one distance by name.
 * The key itself is never among them, not even where dependencies go round in a circle.
 */
export function dependenciesOf(
  all: readonly Dependency[],
  key: string,
  direction: DependencyDirection,
): readonly string[] {
  const next = new Map<string, string[]>();
  for (const { key: one, dependsOn: other } of all) {
    const [from, to] = direction === 'dependencies' ? [one, other] : [other, one];
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const found = new Set([key]);
  let frontier = [key];
  while (frontier.length > 0) {
    const reached = new Set(frontier.flatMap((one) => next.get(one) ?? []).filter((one) => !found.has(one)));
    frontier = [...reached].sort();
    for (const one of frontier) found.add(one);
  }
  found.delete(key);
  return [...found];
}

/** The circle that a new dependency would close, from its key round to it again; undefined where it closes none. */
export function circleOf(all: readonly Dependency[], added: Dependency): readonly string[] | undefined {
  const cameFrom = new Map<string, string>([[added.dependsOn, added.key]]);
  const waiting = [added.dependsOn];
  for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
    if (one === added.key) return pathTo(added, cameFrom);
    for (const { key, dependsOn } of all) {
      if (key !== one || cameFrom.has(dependsOn)) continue;
      cameFrom.set(dependsOn, one);
      waiting.push(dependsOn);
    }
  }
  return undefined;
}

function pathTo({ key }: Dependency, cameFrom: ReadonlyMap<string, string>): readonly string[] {
  const path = [key];
  for (let one = cameFrom.get(key); one !== undefined && one !== key; one = cameFrom.get(one)) path.unshift(one);
  return [key, ...path];
}

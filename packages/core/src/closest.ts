/** Owns "did you mean": the known name that a mistyped one most likely stands for. */

/**
 * The candidate nearest to `name` by edit distance (insert, delete, replace, ignoring case), when at most a third of the name
 * would have to change, and never more than 3 characters; `undefined` when none is that near.
 */
export function closestName(name: string, candidates: Iterable<string>): string | undefined {
  let limit = Math.min(3, Math.floor(name.length / 3));
  let closest: string | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance > limit) continue;
    closest = candidate;
    limit = distance - 1;
  }
  return closest;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

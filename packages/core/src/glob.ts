/** Owns globs over keys: `*` stands for any run of characters, `?` for one; every other character for itself. */

/** A test for a glob. Takes at most the length of the text times that of the pattern. */
export function globMatcher(pattern: string): (text: string) => boolean {
  return (text) => matches(pattern, text);
}

// The usual two-pointer match that falls back to the last star: no recursion, no regular expression.
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let position = 0; position < text.length;) {
    if (pattern[at] === '*') {
      star = at;
      at += 1;
      resume = position;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[position])) {
      at += 1;
      position += 1;
    } else if (star >= 0) {
      at = star + 1;
      resume += 1;
      position = resume;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}

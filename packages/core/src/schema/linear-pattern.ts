/** Owns the question whether a pattern can be checked in linear time, so by an engine of the RE2 family. */

/** Flags that change nothing for a test of a whole text from its beginning. */
const harmlessFlags = /^[dgu]*$/;

/**
 * Whether an RE2 engine takes `pattern` and means the same by it: no lookaround, no backreference, no flag that JSON Schema could not say, no
 * repetition above 1,000. The syntax is that of https://github.com/google/re2/wiki/Syntax.
 */
export function isLinearPattern(pattern: RegExp): boolean {
  if (!harmlessFlags.test(pattern.flags)) return false;
  const unicode = pattern.flags.includes('u');
  let insideClass = false;
  for (const [token] of pattern.source.matchAll(
    /\\(?:[pP]\{[^}]*\}|u\{|k<|[^])|\(\?(?:<[=!]|.)|\{\d+(?:,\d*)?\}|[^]/g,
  )) {
    if (insideClass ? token === '\\b' : isBeyondLinear(token)) return false;
    if (/^\\[pPu](?:\{|$)/.test(token) && !unicode && token !== '\\u') return false;
    if (/^\\[pP]\{.*=/.test(token)) return false;
    if (token === '[') insideClass = true;
    else if (token === ']') insideClass = false;
  }
  return true;
}

function isBeyondLinear(token: string): boolean {
  if (token.startsWith('(?')) return token !== '(?:' && token !== '(?<';
  if (token.startsWith('{') && token.length > 1) return token.split(/\D/).some((count) => Number(count) > 1_000);
  return token === '\\k<' || /^\\[1-9]$/.test(token);
}

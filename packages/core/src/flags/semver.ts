/** Owns versions of software in conditions: reading and ordering them by Semantic Versioning 2.0.0 (https://semver.org). */

/** A version without its build metadata, which does not count. */
export interface Semver {
  readonly core: readonly [string, string, string];
  readonly prerelease: readonly string[];
}

// Each identifier ends where a dot, a plus or the text does, so that no two ways of reading a text are ever tried.
const shape =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** Longer texts are no versions. */
const maximumLength = 256;

/** Reads a version; `undefined` for any other text, as `1.2` or `v1.2.3`. */
export function parseSemver(text: string): Semver | undefined {
  if (text.length > maximumLength) return undefined;
  const match = shape.exec(text);
  if (match === null) return undefined;
  const [, major = '', minor = '', patch = '', prerelease] = match;
  return { core: [major, minor, patch], prerelease: prerelease?.split('.') ?? [] };
}

/** Negative when `a` precedes `b`, positive when it follows, 0 when neither does. */
export function compareSemver(a: Semver, b: Semver): number {
  for (const [index, part] of a.core.entries()) {
    const order = compareNumbers(part, b.core[index] ?? '');
    if (order !== 0) return order;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return b.prerelease.length - a.prerelease.length;
  for (let index = 0; index < Math.min(a.prerelease.length, b.prerelease.length); index += 1) {
    const order = compareIdentifiers(a.prerelease[index] ?? '', b.prerelease[index] ?? '');
    if (order !== 0) return order;
  }
  return a.prerelease.length - b.prerelease.length;
}

function compareIdentifiers(a: string, b: string): number {
  const isNumber = /^\d+$/.test(a);
  const isOtherNumber = /^\d+$/.test(b);
  if (isNumber && isOtherNumber) return compareNumbers(a, b);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  return compareTexts(a, b);
}

/** Without leading zeros, the longer one is the greater one, however long they are. */
function compareNumbers(a: string, b: string): number {
  return a.length === b.length ? compareTexts(a, b) : a.length - b.length;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

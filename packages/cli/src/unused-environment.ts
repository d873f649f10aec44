/** Owns what is said of environment variables that this version does not use: silence would promise what they ask for. */

const unused = {
  CONFIG_ENCRYPTION_KEY: 'this version cannot encrypt; values of sensitive keys are refused, never stored in the clear',
} as const;

/** A line for each variable that is set and not used. Nothing of its value is told. */
export function unusedVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(unused)
    .filter(([name]) => (environment[name] ?? '') !== '')
    .map(([name, reason]) => `${name} is set and ignored: ${reason}.`);
}

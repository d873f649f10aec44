/** Owns the environment of processes that tests start. */

/** What Node itself needs of the environment, and nothing that a command could take for an option. */
export function nodeEnvironment(): Readonly<Record<string, string>> {
  const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;
  return { PATH, NODE_COMPILE_CACHE };
}

/** Owns the messages that authors give to Zod's own checks, as far as they are the same for every value. */

/** The message of an `error` parameter that takes no argument, as Zod makes it of a plain text; `undefined` for any other. */
export function constantMessage(error: unknown): string | undefined {
  if (typeof error !== 'function' || error.length > 0) return undefined;
  const message: unknown = (error as () => unknown)();
  return typeof message === 'string' && message !== '' ? message : undefined;
}

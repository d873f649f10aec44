/** Owns the reading of JSON bodies: UTF-8, parsed once, with no number quietly changed on the way. */
import { ConfigurationError } from '@strata/core';

/**
 * Parses the bytes of a body. Names such as `__proto__` stay ordinary properties, so that the check of values can refuse
 * them by their path. An empty body is `undefined`.
 * @throws ConfigurationError `malformed_json`; `invalid_request` for a whole number that JavaScript would round.
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = decodeUtf8(bytes);
  try {
    return longNumber.test(text) ? (JSON.parse(text, refuseRounding) as unknown) : (JSON.parse(text) as unknown);
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    // The parser's own message quotes the body, which may hold a secret.
    const problem = error instanceof RangeError ? 'it is nested too deeply' : 'its syntax is wrong';
    throw new ConfigurationError('malformed_json', { problem }, { cause: error });
  }
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new ConfigurationError('malformed_json', { problem: 'it is not UTF-8' }, { cause: error });
  }
}

/** Only numbers this long can be beyond 2^53, and looking at every number's text costs time. */
const longNumber = /[0-9]{16}/;

/**
 * From version 22 on Node hands a reviver the text of each number as a third argument, which the language's types do not know yet; before,
 * every whole number of a size that JavaScript rounds is in doubt.
 */
function refuseRounding(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value;
  const source = context?.source ?? (Number.isSafeInteger(value) || !Number.isInteger(value) ? '' : String(value));
  if (/^-?[0-9]+$/.test(source) && (context?.source === undefined || !isExact(value, source))) {
    const shown = source.length > 40 ? `${source.slice(0, 40)}…` : source;
    throw new ConfigurationError('invalid_request', {
      problem: `the whole number ${shown} is too large to be kept exactly; send it as a text`,
    });
  }
  return value;
}

/** Whether a number is what its text says, or the text is how JavaScript itself writes the number. */
function isExact(value: number, source: string): boolean {
  return Number.isFinite(value) && (String(value) === source || BigInt(value) === BigInt(source));
}

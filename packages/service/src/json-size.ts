/** Owns the estimate of how much memory a value takes. */
import type { JsonValue } from '@strata/core';

/** About as many bytes as the value's JSON text has characters; made for a bound, without writing the text. */
export function jsonSize(value: JsonValue): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 2;
  if (Array.isArray(value)) for (const item of value as readonly JsonValue[]) size += jsonSize(item) + 1;
  else for (const [name, item] of Object.entries(value)) size += name.length + jsonSize(item) + 4;
  return size;
}

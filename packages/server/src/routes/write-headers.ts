/** Owns the headers that every write takes. */
import { z } from 'zod';

/** Conditions under which a write happens, and the key under which it happens once. Other headers pass. */
export const writeHeaders = z.looseObject({
  'if-match': z.string().optional().describe('"<version>": the write happens only if the layer still has this version'),
  'if-none-match': z.string().optional().describe('*: the write happens only if there is no layer yet'),
  'idempotency-key': z.string().optional().describe('A write repeated with this key is applied once'),
});

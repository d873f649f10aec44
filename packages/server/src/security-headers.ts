/** Owns the headers that every answer carries, whatever it says. */

/** Headers for an answer that is data alone: never run, framed, sniffed, embedded elsewhere or kept, unless a route says otherwise. */
export const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

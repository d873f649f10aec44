/** Owns how a request says a passphrase: in a header, since addresses are logged. */
import { ConfigurationError } from '@strata/core';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { singleHeader } from '../request-guard.ts';

const passphraseHeader = 'strata-passphrase';

/** The headers of a route that takes a passphrase. */
export const passphraseHeaders = z.looseObject({
  [passphraseHeader]: z.string().optional().describe('Encrypts what is written, or opens it; percent-encoded UTF-8'),
});

/** The passphrase of a request. @throws ConfigurationError `invalid_request`. */
export function passphraseOf(request: FastifyRequest): { readonly passphrase?: string } {
  const header = singleHeader(request, passphraseHeader);
  if (header === undefined) return {};
  try {
    return { passphrase: decodeURIComponent(header) };
  } catch (error) {
    const problem = `the header ${passphraseHeader} is not percent-encoded UTF-8`;
    throw new ConfigurationError('invalid_request', { problem }, { cause: error });
  }
}

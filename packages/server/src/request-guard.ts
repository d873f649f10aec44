/** Owns what is refused of a request before anything looks at what it asks for: its origin, its host and the form of its path. */
import { ConfigurationError } from '@strata/core';
import type { FastifyRequest } from 'fastify';
import { isLoopbackAddress, isLoopbackHost } from './loopback.ts';

/**
 * Refuses a request that does not come from this machine, is for another host, has a path that two programs could read
 * differently, or is a write or the handshake of a WebSocket sent by a page of another site.
 * @throws ConfigurationError `host_not_allowed`, `invalid_path`, `invalid_request`, `cross_site`.
 */
export function guardRequest(request: FastifyRequest): void {
  checkHost(request);
  const target = request.raw.url ?? '';
  const queryStart = target.indexOf('?');
  checkPath(queryStart === -1 ? target : target.slice(0, queryStart));
  checkQuery(queryStart === -1 ? '' : target.slice(queryStart + 1));
  checkSite(request);
}

function checkHost(request: FastifyRequest): void {
  // Nothing here trusts X-Forwarded-*: `ip` is the address of the socket.
  if (!isLoopbackAddress(request.ip))
    throw new ConfigurationError('host_not_allowed', { problem: `from ${request.ip}` });
  const { host } = request.headers;
  const count = countHeader(request, 'host');
  if (host === undefined || !isLoopbackHost(host) || count !== 1) {
    const problem = count === 1 ? `for ${JSON.stringify(host)}` : `with ${String(count)} Host headers`;
    throw new ConfigurationError('host_not_allowed', { problem });
  }
}

/** The characters of keys are all that a path needs, so nothing that some programs decode or fold and others do not gets in. */
const pathForm = /^\/[A-Za-z0-9_.:/-]*$/;

function checkPath(path: string): void {
  if (!pathForm.test(path)) {
    refusePath(path, 'it may hold only letters, digits and _ . : / - after its first /');
  }
  const segments = path.slice(1).split('/');
  if (segments.slice(0, -1).includes('')) refusePath(path, 'it has an empty segment');
  if (segments.some((segment) => /^\.+$/.test(segment))) refusePath(path, 'it has a segment of dots alone');
}

function refusePath(path: string, problem: string): never {
  const shown = path.length > 100 ? `${path.slice(0, 100)}…` : path;
  throw new ConfigurationError('invalid_path', { path: JSON.stringify(shown), problem });
}

function checkQuery(query: string): void {
  try {
    decodeURIComponent(query);
  } catch {
    throw new ConfigurationError('invalid_request', { problem: 'the query is not percent-encoded UTF-8' });
  }
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

function checkSite(request: FastifyRequest): void {
  const { origin, host, upgrade } = request.headers;
  // Browsers let a page of any site open a WebSocket and read what comes.
  if (safeMethods.has(request.method) && upgrade === undefined) return;
  const site = request.headers['sec-fetch-site'];
  const sameOrigin = origin === undefined || origin.toLowerCase() === `http://${host ?? ''}`.toLowerCase();
  const sameSite = site === undefined || site === 'same-origin' || site === 'none';
  if (!sameOrigin || !sameSite) {
    throw new ConfigurationError('cross_site', { origin: origin ?? `Sec-Fetch-Site: ${String(site)}` });
  }
}

/** How often a header was sent, which Node hides by keeping one or joining them. */
export function countHeader(request: FastifyRequest, name: string): number {
  return request.raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}

/**
 * The text of a header that may be sent once, read as UTF-8.
 * @throws ConfigurationError `invalid_request` when it was sent twice or is no UTF-8.
 */
export function singleHeader(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || countHeader(request, name) > 1) {
    throw new ConfigurationError('invalid_request', { problem: `the header ${name} was sent more than once` });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    throw new ConfigurationError('invalid_request', { problem: `the header ${name} is not UTF-8` });
  }
}

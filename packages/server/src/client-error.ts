/** Owns the answer to what is not even an HTTP request, where no route and no hook runs. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ConfigurationError } from '@strata/core';
import { toProblem } from './problem.ts';
import { securityHeaders } from './security-headers.ts';

/** Answers a parse error, an overflow of headers or a request that arrives too slowly with a problem, and ends the connection. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.end(writeAnswer(translate(error.code)));
  else socket.destroy();
}

function translate(code: string | undefined): ConfigurationError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ConfigurationError('request_timeout', {});
  if (code === 'HPE_HEADER_OVERFLOW') return new ConfigurationError('headers_too_large', {});
  return new ConfigurationError('invalid_request', { problem: 'it is not HTTP/1.1' });
}

function writeAnswer(error: ConfigurationError): string {
  const requestId = randomUUID();
  const body = JSON.stringify(toProblem(error, requestId));
  const headers = {
    ...securityHeaders,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': requestId,
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${String(error.status)} ${STATUS_CODES[error.status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

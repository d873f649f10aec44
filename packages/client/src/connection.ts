/** Owns one exchange with the server: the request, its time limit, and how what goes wrong is told. */
import { isConfigurationError, parseId } from '@strata/core';
import { StrataClientError, type ClientErrorCode, type ReportedProblem } from './client-error.ts';

/** Where the server is, and who talks to it. */
export interface ConnectionOptions {
  /** The server's address, such as `http://127.0.0.1:7420`; a path in it is kept as a prefix. */
  readonly url: string;
  /** Who acts: 1 to 255 characters. Default: the server's own choice, `anonymous`. */
  readonly actor?: string | undefined;
  /** What the service is called that reads, for the server's usage counters: 1 to 255 characters. Default: it has no name. */
  readonly serviceName?: string | undefined;
  /** How long an answer may take in all, in milliseconds. Default: 30,000. */
  readonly timeout?: number | undefined;
  /** The `fetch` to use. Default: the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** One request. */
export interface Call {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the server's address, ready to be sent. */
  readonly path: string;
  /** Entries without a value are left out. */
  readonly query?: Readonly<Record<string, string | number | readonly string[] | null | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in the place of `body`. */
  readonly document?: { readonly type: string; readonly content: string | Blob | Uint8Array<ArrayBuffer> };
  /** Ends the call with `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/** Sends calls to one server as one actor. */
export interface Connection {
  /** The newest revision that an answer to a write bore; 0 before the first. */
  readonly lastRevision: number;
  /** The answer's JSON, as the route promises it; `undefined` for an empty answer. @throws StrataClientError. */
  send<T>(call: Call): Promise<T>;
  /** The answer's text, byte for byte. @throws StrataClientError. */
  sendForText(call: Call): Promise<string>;
  /**
   * The answer's bytes as they come. @param patience how long its beginning may take, in milliseconds. @param type the media type that it has
   * to be of. @throws StrataClientError.
   */
  open(call: Call, patience: number, type: string): Promise<ReadableStream<Uint8Array>>;
}

/**
 * Makes a connection. Nothing is sent yet.
 * @throws StrataClientError `invalid_argument` for an address, actor, name of a service or timeout that cannot be used.
 */
export function connect(options: ConnectionOptions): Connection {
  const base = parseUrl(options.url);
  const timeout = parseTimeout(options.timeout ?? 30_000);
  const { actor, serviceName } = options;
  const headers = {
    ...(actor === undefined ? {} : { 'x-strata-actor': nameHeader(actor, 'actor') }),
    ...(serviceName === undefined ? {} : { 'x-strata-service': nameHeader(serviceName, 'serviceName') }),
  };
  const fetchIt: typeof globalThis.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  let lastRevision = 0;
  const written = (revision: number): void => {
    lastRevision = Math.max(lastRevision, revision);
  };
  const sendForText = (call: Call): Promise<string> => exchange(base, timeout, headers, fetchIt, call, written);
  return {
    get lastRevision() {
      return lastRevision;
    },
    sendForText,
    send: async <T>(call: Call) => readJson(await sendForText(call), base) as T,
    open: (call, patience, type) => openStream(base, Math.min(timeout, patience), headers, fetchIt, call, type),
  };
}

async function openStream(
  base: string,
  timeout: number,
  actor: Readonly<Record<string, string>>,
  fetchIt: typeof globalThis.fetch,
  call: Call,
  type: string,
): Promise<ReadableStream<Uint8Array>> {
  const { method = 'GET' } = call;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeout);
  try {
    const signal = call.signal === undefined ? late.signal : AbortSignal.any([late.signal, call.signal]);
    const response = await fetchIt(`${base}${call.path}${queryText(call.query ?? {})}`, {
      method,
      headers: { ...typeOf(call), ...actor, ...call.headers },
      signal,
      cache: 'no-store',
      redirect: 'error',
      ...bodyOf(call),
    });
    if (!response.ok) throw refusal(response, await response.text(), base);
    if (response.body !== null && response.headers.get('content-type')?.startsWith(type) === true) return response.body;
    throw notStrata(response, base);
  } catch (error) {
    if (error instanceof StrataClientError) throw error;
    if (late.signal.aborted) throw tooSlow(base, timeout, method, error);
    throw failureOf(base, call, error);
  } finally {
    // The signal stays with the stream: from here on nothing but the caller ends it.
    clearTimeout(timer);
  }
}

function failureOf(base: string, { signal }: Call, cause: unknown): StrataClientError {
  if (signal?.aborted === true) return new StrataClientError('aborted', 'The call was aborted.', { cause });
  return unreachable(base, cause);
}

async function exchange(
  base: string,
  timeout: number,
  actor: Readonly<Record<string, string>>,
  fetchIt: typeof globalThis.fetch,
  call: Call,
  written: (revision: number) => void,
): Promise<string> {
  const limit = AbortSignal.timeout(timeout);
  const signal = call.signal === undefined ? limit : AbortSignal.any([limit, call.signal]);
  const { method = 'GET' } = call;
  try {
    const response = await fetchIt(`${base}${call.path}${queryText(call.query ?? {})}`, {
      method,
      headers: { accept: 'application/json, application/problem+json', ...typeOf(call), ...actor, ...call.headers },
      signal,
      // A write that is sent on elsewhere would lose its body, and no route redirects.
      redirect: 'error',
      ...bodyOf(call),
    });
    const text = await response.text();
    // A refusal for what is stored tells of a revision too.
    if (method !== 'GET') written(Number(response.headers.get('strata-revision') ?? 0));
    if (!response.ok) throw refusal(response, text, base);
    return text;
  } catch (error) {
    if (error instanceof StrataClientError) throw error;
    if (call.signal?.aborted !== true && limit.aborted) throw tooSlow(base, timeout, method, error);
    throw failureOf(base, call, error);
  }
}

function typeOf({ body, document }: Call): Readonly<Record<string, string>> {
  if (document !== undefined) return { 'content-type': document.type };
  return body === undefined ? {} : { 'content-type': 'application/json' };
}

function bodyOf({ body, document }: Call): { readonly body?: string | Blob | Uint8Array<ArrayBuffer> } {
  if (document !== undefined) return { body: document.content };
  return body === undefined ? {} : { body: JSON.stringify(body) };
}

function tooSlow(base: string, timeout: number, method: string, cause: unknown): StrataClientError {
  const outcome = method === 'GET' ? '' : ' The change may have been stored: look before you repeat it.';
  const message = `The server at ${base} did not answer within ${String(timeout / 1000)} seconds.${outcome}`;
  return new StrataClientError('timeout', message, { cause });
}

function unreachable(base: string, cause: unknown): StrataClientError {
  const message = `Cannot reach ${base}: ${reason(cause)}. Start a server there (strata serve), or give the address of another one.`;
  return new StrataClientError('unreachable', message, { cause });
}

/** Fetch hides why a connection failed behind "fetch failed"; the cause, where the platform gives one, says more. */
function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  return reasons.get(code) ?? (cause.message === '' ? code : cause.message.replace(/\.$/, ''));
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'no such host'],
  ['EAI_AGAIN', 'the host name cannot be looked up at the moment'],
  ['ECONNRESET', 'the connection was cut'],
  ['UND_ERR_SOCKET', 'the connection was cut'],
]);

interface Problem {
  readonly code: ClientErrorCode;
  readonly detail: string;
  readonly requestId?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly ReportedProblem[];
}

function refusal(response: Response, text: string, base: string): StrataClientError {
  const problem = parseProblem(text);
  if (problem === undefined) return notStrata(response, base);
  const { code, detail, requestId, details, errors } = problem;
  return new StrataClientError(code, detail, { status: response.status, requestId, details, errors });
}

function notStrata({ status }: Response, base: string): StrataClientError {
  const message = `${base} answered with status ${String(status)} and not as Strata does. Is that the address of a Strata server?`;
  return new StrataClientError('invalid_answer', message, { status });
}

function parseProblem(text: string): Problem | undefined {
  try {
    const value = JSON.parse(text) as Partial<Problem> | null;
    return typeof value?.code === 'string' && typeof value.detail === 'string' ? (value as Problem) : undefined;
  } catch {
    return undefined;
  }
}

function readJson(text: string, base: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const message = `${base} answered with something that is not JSON. Is that the address of a Strata server?`;
    throw new StrataClientError('invalid_answer', message, { cause });
  }
}

function queryText(query: NonNullable<Call['query']>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    for (const single of typeof value === 'object' ? value : [value]) parameters.append(name, String(single));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function parseUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    refuse('url', `${JSON.stringify(url)} is no address of a server; write it like http://127.0.0.1:7420`);
  }
  // Fetch refuses an address with a password in it, and the message would show it.
  if (parsed.username !== '' || parsed.password !== '') refuse('url', 'it holds a user name or password');
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '');
}

function parseTimeout(timeout: number): number {
  const largest = 2 ** 31 - 1;
  if (Number.isInteger(timeout) && timeout > 0 && timeout <= largest) return timeout;
  return refuse('timeout', `${String(timeout)} is not a whole number of milliseconds from 1 to ${String(largest)}`);
}

/** The server reads the header as UTF-8, and fetch takes only characters up to U+00FF: one for each byte. */
function nameHeader(name: string, argument: string): string {
  const checked = refusalsOfCore(() => parseId(name, argument));
  return Array.from(new TextEncoder().encode(checked), (byte) => String.fromCharCode(byte)).join('');
}

/** Runs a rule of the core on what is to be sent, and tells its refusal as every other one is told here. */
export function refusalsOfCore<T>(rule: () => T): T {
  try {
    return rule();
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    throw new StrataClientError(error.code, error.message, { status: error.status, details: error.details });
  }
}

/** Refuses an argument before anything is sent. @throws StrataClientError `invalid_argument`. */
export function refuse(argument: string, problem: string): never {
  throw new StrataClientError('invalid_argument', `Invalid ${argument}: ${problem}.`, {
    status: 400,
    details: { argument, problem },
  });
}

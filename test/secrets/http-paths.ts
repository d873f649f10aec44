/** Owns the ways on which secrets are written and read over HTTP, for the search that looks for them afterwards. */
import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import type { Markers, Places } from './markers.ts';

/** What a way needs. */
export interface HttpSubject {
  readonly url: string;
  readonly secret: Markers;
  readonly open: Markers;
  readonly places: Places;
}

type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** Sends a request and keeps the whole answer. A text goes as it is. */
async function send({ url, places }: HttpSubject, status: number, method: Method, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { 'x-strata-actor': 'ann', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  places.add('HTTP', JSON.stringify([...answer.headers]), `${method} ${path}`);
  places.add('HTTP', bytes, `${method} ${path}`);
  const text = bytes.toString();
  expect([method, path, answer.status, answer.status === status ? '' : text]).toEqual([method, path, status, '']);
  return text;
} // prettier-ignore

/** Opens streams that keep all their bytes; answers what ends them. */
export async function listen({ url, places }: HttpSubject): Promise<() => void> {
  const ends: (() => void)[] = [];
  for (const query of ['', '?scope=org&scopeId=acme&keys=*', '?keys=tokens,db,plain']) {
    const request = get(`${url}/v1/watch${query}`, { agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.on('data', (bytes: Buffer) => places.add('SSE', bytes)).on('error', () => undefined);
    ends.push(() => request.on('error', () => undefined).destroy());
  }
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`);
  socket.on('message', (bytes: Buffer) => places.add('WebSocket', bytes));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe', id: 'all', keys: '*' }));
  socket.send(JSON.stringify({ type: 'subscribe', id: 'acme', keys: '*', scope: 'org', scopeId: 'acme' }));
  ends.push(() => socket.terminate());
  return () => ends.forEach((end) => end());
}

/** Writes and reads on every way of the server. Credentials and db need approvals by now. */
export async function throughHttp(subject: HttpSubject): Promise<void> {
  await writes(subject);
  await refusals(subject);
  await requests(subject);
  await reads(subject);
}

const acme = 'scope=org&scopeId=acme';

async function writes(subject: HttpSubject): Promise<void> {
  const { secret, open } = subject;
  for (const key of ['api_keys', 'secrets', 'tokens', 'passwords']) {
    const body = { value: { a: secret.next(), [secret.name()]: [secret.next()] }, comment: open.next() };
    for (let repeat = 0; repeat < 2; repeat += 1)
      await send(subject, 200, 'PUT', `/v1/layers/${key}?${acme}`, body, { 'idempotency-key': `put-${key}` });
    await send(subject, 200, 'PUT', `/v1/layers/${key}?${acme}&dryRun=true`, { value: { a: secret.next() } });
    await send(subject, 200, 'POST', `/v1/impact/${key}?${acme}`, { value: { a: secret.next() } });
  }
  await send(subject, 422, 'PUT', `/v1/layers/tokens?${acme}`, { value: secret.next() }, { 'idempotency-key': 'put-tokens' }); // prettier-ignore
  await send(subject, 200, 'PUT', `/v1/layers/plain?${acme}`, { value: open.next(), comment: open.next() });
  const changes = Array.from({ length: 60 }, (_, n) => ({ key: 'tokens', scope: 'org', scopeId: `http-${String(n)}`, value: { a: secret.next() } })); // prettier-ignore
  await send(subject, 200, 'POST', '/v1/commits', { changes, comment: open.next() });
  const document = JSON.stringify({ tokens: { a: secret.next() }, plain: open.next() });
  await send(subject, 200, 'POST', `/v1/import?scope=org&scopeId=imported&dryRun=true`, document);
  await send(subject, 200, 'POST', `/v1/import?scope=org&scopeId=imported`, document);
  const yaml = `tokens: ${JSON.stringify({ a: secret.next() })}\nplain: ${JSON.stringify(open.next())}\n`;
  await send(subject, 200, 'POST', `/v1/import?scope=org&scopeId=yaml`, yaml, { 'content-type': 'application/yaml' });
  await send(subject, 200, 'POST', '/v1/compare', { left: { document }, right: { scope: 'org', scopeId: 'acme' } });
  await send(subject, 200, 'POST', '/v1/promote', { source: { document }, target: { scope: 'org', scopeId: 'promoted' } }); // prettier-ignore
}

async function refusals(subject: HttpSubject): Promise<void> {
  const { secret } = subject;
  const put = (status: number, key: string, body: unknown, headers = {}) =>
    send(subject, status, 'PUT', `/v1/layers/${key}?${acme}`, body, headers);
  await put(422, 'pins', { value: { [secret.name()]: secret.next() } });
  await put(422, 'pins', { value: { pin: [secret.next()], mode: secret.next() } });
  await put(422, 'db', { value: { host: 1, password: secret.next() } });
  await put(400, 'tokens', { value: { $sealed: secret.next() } });
  await put(200, 'tokens', `{"value": {"a": "${secret.name()}", "a": "${secret.name()}"}}`);
  await put(400, 'tokens', `{"value": {"${secret.name()}": {"__proto__": "${secret.name()}"}}}`);
  await put(400, 'tokens', `{"value": ${secret.name()}}`);
  await put(400, 'tokens', `{"value": "${secret.name()}`);
  await put(400, 'tokens', { values: secret.next() });
  await put(400, 'tokens', { value: { a: secret.next() }, other: secret.next() });
  await put(400, 'tokens', { value: { a: secret.next() }, comment: { a: secret.next() } });
  await put(400, 'tokens', [secret.next()]);
  await put(412, 'tokens', { value: { a: secret.next() } }, { 'if-match': '"0123456789abcdef"' });
  await put(413, 'tokens', { value: secret.next().repeat(30_000) });
  await put(415, 'tokens', secret.next(), { 'content-type': 'text/plain' });
  await send(subject, 400, 'POST', '/v1/commits', { changes: [{ key: 'tokens', scope: 'org', value: { a: secret.next() } }] }); // prettier-ignore
  await send(subject, 400, 'POST', '/v1/commits', { changes: [{ key: 'tokens', scope: 'global', values: secret.next() }] }); // prettier-ignore
  await send(subject, 200, 'POST', '/v1/validate/pins', { value: { [secret.name()]: secret.next() } });
  for (const text of [`{"tokens": {"a": "${secret.name()}"`, secret.name()])
    await send(subject, 400, 'POST', `/v1/import?${acme}`, text);
}

async function requests(subject: HttpSubject): Promise<void> {
  const { secret, open } = subject;
  await send(subject, 409, 'PUT', `/v1/layers/credentials?${acme}`, { value: { a: secret.next() } });
  const ask = { key: 'credentials', scope: 'org', scopeId: 'acme', proposedValue: { a: secret.next() }, justification: open.next() }; // prettier-ignore
  const { id } = JSON.parse(await send(subject, 201, 'POST', '/v1/change-requests', ask)) as { readonly id: string };
  await send(subject, 200, 'PATCH', `/v1/change-requests/${id}`, { proposedValue: { b: secret.next() } });
  await send(subject, 400, 'PATCH', `/v1/change-requests/${id}`, { proposedValue: { $sealed: secret.next() } });
  await send(subject, 200, 'GET', '/v1/change-requests');
  await send(subject, 200, 'GET', `/v1/change-requests/${id}`);
  await send(subject, 200, 'POST', `/v1/change-requests/${id}/approve`, { edition: 2 }, { 'x-strata-actor': 'bob' });
}

async function reads(subject: HttpSubject): Promise<void> {
  const { open } = subject;
  for (const key of ['tokens', 'db', 'plain', 'credentials']) {
    for (const path of ['values', 'history', 'explain', 'blame'])
      await send(subject, 200, 'GET', `/v1/${path}/${key}?${acme}`);
    await send(subject, 200, 'GET', `/v1/versions/${key}?version=HEAD&${acme}`);
  }
  await send(subject, 200, 'GET', `/v1/values?${acme}`);
  for (const format of ['json', 'yaml', 'env']) {
    for (const headers of [{}, { 'strata-passphrase': subject.secret.name() }])
      await send(subject, 200, 'GET', `/v1/export?${acme}&format=${format}`, undefined, headers);
  }
  await send(subject, 200, 'GET', '/v1/audit?limit=200');
  await send(subject, 200, 'GET', '/v1/audit/export');
  await send(subject, 200, 'GET', '/v1/encryption-keys');
  // The one answer that holds a secret: it is not kept, but what it leaves in logs is.
  const revealed = await fetch(`${subject.url}/v1/reveal/tokens?${acme}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ reason: open.next() }),
  });
  expect(await revealed.text()).toContain(subject.secret.stem);
}

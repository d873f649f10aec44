/** Owns the promises of the feed over Server-Sent Events. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ConfigurationManagementService } from '@strata/service';
import { afterEach, expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import { closeStreams, openStream, soon } from '../../../../test/event-stream.ts';
import { compact } from '../../../../test/rewind.ts';
import { servicesOn } from '../../../../test/services.ts';
import { createServer, type ServerOptions } from '../server.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'acme' } as const;
const team = { scope: 'team', scopeId: 'north' } as const;

describeDatabases('the stream of commits', (engine) => {
  const services = servicesOn(engine);
  const endings: (() => Promise<unknown>)[] = [];
  // Before the services are closed, and these before their databases.
  afterEach(async () => {
    closeStreams();
    for (const end of endings.splice(0)) await end();
  });

  const listen = async (service: ConfigurationManagementService, options: ServerOptions = {}): Promise<string> => {
    const app = createServer(service, options);
    endings.push(() => app.close());
    return `${await app.listen({ host: '127.0.0.1', port: 0 })}/v1/watch`;
  };
  const start = async (options?: ServerOptions) => {
    const opened = await services.open();
    return { ...opened, url: await listen(opened.service, options) };
  };

  it('says at once from where it tells, then each commit as one event with the cursor as its id', async () => {
    const { service, url } = await start();
    const first = await service.set('theme', { size: 1 }, global, 'ada', 'first');
    const stream = await openStream(url);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    expect(stream.headers['content-encoding']).toBeUndefined();
    const at = `1:${first.commit}`;
    expect(stream.heartbeats[0]).toEqual({ event: 'heartbeat', id: at, data: { cursor: at } });
    expect(stream.retries[0]).toBeGreaterThanOrEqual(1000);
    const { id } = await service.commit(
      [
        { key: 'theme', ...global, value: { size: 2 } },
        { key: 'other', ...org, value: 'x' },
      ],
      'bob',
    );
    const [event] = await stream.until(1);
    expect(event).toMatchObject({ event: 'commit', id: `2:${id}` });
    const seen: unknown[] = [];
    await service.subscribe({ fromRevision: 1 }, (told) => seen.push(told));
    await vi.waitFor(() => expect(seen).toHaveLength(1), soon);
    const { type: _, ...told } = JSON.parse(JSON.stringify(seen[0])) as { type: string };
    expect(event?.data).toEqual(told);
  });

  it('tells only of the keys, flags and effective values that are asked for', async () => {
    const { service, url } = await start();
    await service.registerScope({ ...team, parent: org });
    const [keys, globs, flags, scoped] = await Promise.all([
      openStream(`${url}?keys=theme,size&keys=limits`),
      openStream(`${url}?keys=the*`),
      openStream(`${url}?flags=new_*&keys=size`),
      openStream(`${url}?keys=theme&scope=team&scopeId=north`),
    ]);
    for (const key of ['theme', 'size', 'limits', 'feature_flags/new_menu', 'feature_flags/old', 'them']) {
      await service.set(key, key.startsWith('feature_flags/') ? { enabled: true } : { a: 1 }, org, 'ada');
    }
    await service.set('theme', { b: 2 }, global, 'ada');
    await Promise.all([keys.until(4), globs.until(3), flags.until(2), scoped.until(2)]);
    const a = { a: 1 };
    expect(keys.changes()).toEqual([
      ['theme', null, a],
      ['size', null, a],
      ['limits', null, a],
      ['theme', null, { b: 2 }],
    ]);
    expect(globs.changes().map((change) => (change as unknown[])[0])).toEqual(['theme', 'them', 'theme']);
    expect(flags.changes().map((change) => (change as unknown[])[0])).toEqual(['size', 'feature_flags/new_menu']);
    expect(scoped.changes()).toEqual([
      ['theme', null, a],
      ['theme', a, { a: 1, b: 2 }],
    ]);
  });

  it('goes on after a revision, a cursor and above all Last-Event-ID, also of another server on the store', async () => {
    const { service, database, url } = await start();
    const other = await listen(services.on(database));
    for (const n of [1, 2, 3, 4]) await service.set('n', n, global, 'ada');
    const whole = await openStream(`${url}?fromRevision=0`);
    const all = await whole.until(4);
    const cursors = all.map(({ id }) => id ?? '');
    const [byRevision, byCursor, byHeader] = await Promise.all([
      openStream(`${other}?fromRevision=2`),
      openStream(`${other}?fromRevision=${cursors[2] ?? ''}`),
      openStream(`${other}?fromRevision=1`, { 'last-event-id': cursors[2] ?? '' }),
    ]);
    expect(await byRevision.until(2)).toEqual(all.slice(2));
    expect(await byCursor.until(1)).toEqual(all.slice(3));
    expect(await byHeader.until(1)).toEqual(all.slice(3));
    await service.set('n', 5, global, 'ada');
    await byHeader.until(2);
    expect(byHeader.changes()).toEqual([
      ['n', 3, 4],
      ['n', 4, 5],
    ]);
  });

  it('answers a cursor that the store does not hold with a reset, and goes on from there', async () => {
    const { service, url } = await start();
    await service.set('n', 1, global, 'ada');
    const stream = await openStream(url, { 'last-event-id': '1:00000000-0000-4000-8000-000000000000' });
    const ahead = await openStream(url, { 'last-event-id': '77' });
    const { commit } = await service.set('n', 2, global, 'ada');
    for (const reader of [stream, ahead]) {
      const events = await reader.until(1);
      expect(events[0]?.event).toBe('reset');
      expect(events[0]?.data).toEqual({ cursor: events[0]?.id, revision: Number.parseInt(events[0]?.id ?? '', 10) });
    }
    await service.set('n', 3, global, 'ada');
    await vi.waitFor(() => expect(stream.changes()).toContainEqual(['n', 2, 3]), soon);
    expect(commit).toHaveLength(36);
  });

  it('says so where the commits after a cursor are no longer kept', async () => {
    const { service, database, url } = await start();
    for (const n of [1, 2, 3]) await service.set('n', n, global, 'ada');
    await compact(database, 2);
    const stream = await openStream(`${url}?fromRevision=1`);
    const [event] = await stream.until(1);
    expect(event).toMatchObject({ event: 'compacted', data: { revision: 3, cursor: event?.id } });
  });

  it.each([
    ['garbage', '', { 'last-event-id': 'x; y' }, 'invalid_argument'],
    ['half a cursor', '', { 'last-event-id': '1:2' }, 'invalid_argument'],
    ['a cursor of huge size', '', { 'last-event-id': '9'.repeat(30) }, 'invalid_argument'],
    ['no revision', '?fromRevision=-1', {}, 'invalid_argument'],
    ['no key', '?keys=a%20b', {}, 'invalid_key'],
    ['no name', '?keys=', {}, 'invalid_key'],
    ['an id without a scope', '?scopeId=acme', {}, 'invalid_scope'],
    ['a team without a scope', '?teamId=north', {}, 'invalid_scope'],
    ['an unknown parameter', '?key=a', {}, 'invalid_request'],
    ['too many names', `?keys=${'a,'.repeat(300)}`, {}, 'invalid_request'],
  ])('refuses %s with a problem', async (_, query, headers: Record<string, string>, code) => {
    const { url } = await start();
    const answer = await fetch(`${url}${query}`, { headers });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
    expect(await answer.json()).toMatchObject({ code });
  });

  it('has no HEAD, and takes a connection of its own', async () => {
    const { url } = await start();
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(405);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (part: string) => (text += part));
    const request = 'GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n';
    socket.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n' + request);
    await vi.waitFor(() => expect(text).toContain('a connection of its own'), soon);
    socket.destroy();
  });

  it('moves the cursor of a filtered reader on with heartbeats', async () => {
    const { service, url } = await start({ heartbeatInterval: 50 });
    const stream = await openStream(`${url}?keys=wanted`);
    const { commit, revision } = await service.set('other', 1, global, 'ada');
    await vi.waitFor(() => expect(stream.heartbeats.at(-1)?.id).toBe(`${String(revision)}:${commit}`), soon);
    const beats = stream.heartbeats.length;
    await vi.waitFor(() => expect(stream.heartbeats.length).toBeGreaterThan(beats + 2), soon);
    expect(stream.events).toEqual([]);
    const resumed = await openStream(`${url}?keys=*`, { 'last-event-id': stream.heartbeats.at(-1)?.id ?? '' });
    await service.set('wanted', 2, global, 'ada');
    expect(await resumed.until(1)).toEqual(await stream.until(1));
  });

  it('drops a reader that does not read, while others go on, and lets it come back', async () => {
    const { service, url } = await start({ heartbeatInterval: 200, maxWaiting: 64 * 1024 });
    const stalled = await stallingReader(url);
    const stream = await openStream(url);
    const value = 'x'.repeat(100_000);
    for (let n = 1; n <= 120; n += 1) await service.set('n', `${value}${String(n)}`, global, 'ada');
    await stream.until(120);
    await vi.waitFor(() => expect(stalled.isGone()).toBe(true), { timeout: 15_000, interval: 20 });
    const seen = stalled.resume();
    expect(seen.revision).toBeLessThan(120);
    const back = await openStream(`${url}?fromRevision=${seen.cursor}`);
    await back.until(120 - seen.revision);
    expect(back.events.at(-1)?.id).toBe(stream.events.at(-1)?.id);
    expect(stream.isEnded).toBe(false);
  });

  it('reads a long way back at the pace of its reader', async () => {
    const { service, url } = await start({ maxWaiting: 32 * 1024 });
    const writes = Array.from({ length: 600 }, (_, n) =>
      service.set('n', `${'y'.repeat(2000)}${String(n)}`, global, 'ada'),
    );
    await Promise.all(writes);
    const stream = await openStream(`${url}?fromRevision=0`);
    await stream.until(600);
    expect(stream.events.map(({ id }) => Number.parseInt(id ?? '', 10))).toEqual(writes.map((_, n) => n + 1));
  });
});

/** A reader that opens a stream and then takes nothing from its connection, until it is told to. */
async function stallingReader(url: string) {
  const socket: Socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.setEncoding('utf8').write('GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let [text] = (await once(socket, 'data')) as [string];
  socket.pause();
  let isGone = false;
  // A paused socket is told of nothing: only by writing does it learn that the other side is gone.
  socket.on('error', () => (isGone = true)).on('close', () => (isGone = true));
  const knock = setInterval(() => socket.write('\r\n'), 50);
  return {
    isGone: () => isGone,
    /** What it had taken before it was cut off. */
    resume: (): { readonly cursor: string; readonly revision: number } => {
      clearInterval(knock);
      for (let part = socket.read() as string | null; part !== null; part = socket.read() as string | null)
        text += part;
      socket.destroy();
      const whole = text.slice(0, text.lastIndexOf('\n\n') + 1);
      const cursor = Array.from(whole.matchAll(/^id: (.*)$/gm)).at(-1)?.[1] ?? '0';
      return { cursor, revision: Number.parseInt(cursor, 10) };
    },
  };
}

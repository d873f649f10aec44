import { expect, describe, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

async function onServers(work: (one: TestServer, other: TestServer) => Promise<void>): Promise<void> {
  const [one, other] = [await startTestServer(), await startTestServer()];
  try {
    await work(one, other);
  } finally {
    await one.close();
    await other.close();
  }
}

const send = (server: TestServer, url: string, body?: Buffer, headers: Record<string, string> = {}) =>
  server.app.inject({
    method: 'POST',
    url,
    ...(body === undefined ? {} : { payload: body }),
    headers: { host: 'localhost', 'content-type': 'application/octet-stream', ...headers },
  });

describe('a backup over HTTP', () => {
  it('leaves one server and is restored on another', async () => {
    await onServers(async (one, other) => {
      await one.service.set('theme', { colour: 'é' }, { scope: 'org', scopeId: 'acme' }, 'ann', 'first');
      const secret = { 'strata-passphrase': encodeURIComponent('correct hörse') };
      const file = (await send(one, '/v1/backup', undefined, secret)).rawPayload;
      expect(file.subarray(0, 25).toString()).toBe('{"format":"strata-backup"');
      expect((await send(other, '/v1/backup/restore', file)).json()).toMatchObject({
        status: 422,
        code: 'passphrase_wrong',
      });
      expect((await send(other, '/v1/backup/restore', file, { 'strata-passphrase': '%' })).json()).toMatchObject({
        code: 'invalid_request',
      });
      expect((await send(other, '/v1/backup/restore')).json()).toMatchObject({ code: 'backup_unreadable' });
      const restored = await send(other, '/v1/backup/restore', file, secret);
      expect(restored.json()).toMatchObject({ revision: 1 });
      expect(restored.headers['strata-revision']).toBe('1');
      expect(await other.service.getHistory('theme')).toEqual(await one.service.getHistory('theme'));
      expect((await send(other, '/v1/backup/restore', file, secret)).json()).toMatchObject({
        status: 409,
        code: 'store_not_empty',
      });
    });
  });
});

import { expect, it } from 'vitest';
import { startTestServer } from '../../../test/http-server.ts';
import { createClient } from './client.ts';

it('takes a whole store from one server to another', async () => {
  const [one, other] = [await startTestServer(), await startTestServer()];
  try {
    const [from, to] = await Promise.all(
      [one, other].map(async ({ app }) => createClient({ url: await app.listen({ host: '127.0.0.1', port: 0 }) })),
    );
    await from?.set('theme', 'x'.repeat(100_000), { scope: 'global' });
    const parts: Uint8Array[] = [];
    for await (const part of (await from?.backup({ passphrase: 'correct horse' })) ?? []) parts.push(part);
    const file = new Blob(parts);
    const wrong = to?.restoreBackup(file, { passphrase: 'wrong horse' });
    await expect(wrong).rejects.toMatchObject({ code: 'passphrase_wrong' });
    expect(await to?.restoreBackup(file, { passphrase: 'correct horse' })).toMatchObject({ revision: 1 });
    expect(await other.service.get('theme')).toBe('x'.repeat(100_000));
  } finally {
    await one.close();
    await other.close();
  }
});

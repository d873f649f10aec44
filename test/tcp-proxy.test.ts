/** Owns the proof that the proxy of the fault tests is a faithful one: it delays and holds up, and never reorders. */
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startTcpProxy } from './tcp-proxy.ts';

let server: Server;

it('keeps the order of what goes through it, however its delay and its mode change', async () => {
  const received = new Promise<string>((resolve, reject) => {
    server = createServer((socket) => void text(socket).then(resolve, reject));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  const client = connect(proxy.port, '127.0.0.1').setNoDelay(true);
  let sent = '';
  for (let number = 0; number < 100; number += 1) {
    proxy.setDelay(number % 2 === 0 ? 15 : 0);
    proxy.setMode(number % 5 === 0 ? 'stall' : 'pass');
    const piece = `${String(number)} `;
    client.write(piece);
    sent += piece;
    // Long enough for a piece to arrive as one of its own, shorter than the delay.
    await wait(3);
  }
  proxy.setMode('pass');
  client.end();
  await wait(50);
  await proxy.close();
  expect(await received).toBe(sent);
  server.close();
});
